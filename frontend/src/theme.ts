/** Colours and defaults of Mantine's components: texts as readable as WCAG 2 AA asks, in light and in dark. */
import { Badge, createTheme, type CSSVariablesResolver, Drawer, Menu, Modal } from '@mantine/core'

const CLOSE = { closeButtonProps: { 'aria-label': 'Close' } }

export const theme = createTheme({
  primaryColor: 'blue',
  // White is readable on this blue and this red; on lighter colours `autoContrast` writes in black.
  primaryShade: 8,
  autoContrast: true,
  luminanceThreshold: 0.179,
  cursorType: 'pointer',
  components: {
    Badge: Badge.extend({ defaultProps: { tt: 'none' } }),
    Drawer: Drawer.extend({ defaultProps: CLOSE }),
    // As a menu of the system: there at once, with the focus on its first entry, so no key that is pressed next is lost.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false, transitionProps: { duration: 0 } } }),
    Modal: Modal.extend({ defaultProps: CLOSE }),
  },
})

/** How much of its darkest shade a colour may have as text on white, or on its own light shade; the rest is black. */
const DARKENED = { orange: 75, yellow: 62, teal: 85, green: 80, red: 95, blue: 85 }

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5d646b',
    '--mantine-color-gray-text': '#5d646b',
    '--mantine-color-gray-filled': 'var(--mantine-color-gray-6)', // bars and dots, never behind a text
    '--mantine-color-placeholder': '#6b727a',
    ...Object.fromEntries(
      Object.entries(DARKENED).flatMap(([color, share]) => {
        const text = `color-mix(in srgb, var(--mantine-color-${color}-9) ${share}%, black)`
        return [
          [`--mantine-color-${color}-text`, text],
          [`--mantine-color-${color}-light-color`, text],
          [`--mantine-color-${color}-outline`, text],
        ]
      }),
    ),
  },
  dark: { '--mantine-color-dimmed': '#a8a8a8', '--mantine-color-placeholder': '#969696' },
})
