/** Where the keyboard is, and where it goes on once that place has gone. */

const FOCUSABLE = 'a[href], button, input, select, textarea, [tabindex="0"]'

interface Step {
  parent: Element
  index: number
}

/** An element, and how it was reached from the top of the page. */
export interface Place {
  element: HTMLElement
  path: Step[]
}

/** Where the focus is now, or null if it is nowhere. An entry of a menu stands for the button that opens the menu. */
export function focusedPlace(): Place | null {
  const focused = document.activeElement
  const opener = focused?.closest('[role=menu]')?.getAttribute('aria-labelledby')
  const element = (opener && document.getElementById(opener)) || focused
  return element instanceof HTMLElement && element !== document.body ? placeOf(element) : null
}

/** Where this element is. */
export function placeOf(element: HTMLElement): Place {
  const path: Step[] = []
  for (let at: Element = element; at.parentElement && at !== document.body; at = at.parentElement)
    path.push({ parent: at.parentElement, index: [...at.parentElement.children].indexOf(at) })
  return { element, path }
}

/** Put the focus there, or, if that is gone, on what is nearest to where it was. Leaves a focus that is elsewhere alone. */
export function focusAt({ element, path }: Place): void {
  if (document.activeElement && document.activeElement !== document.body) return
  const place = canHaveFocus(element) ? element : nearest(path)
  place?.focus({ preventScroll: place === element })
}

function nearest(path: Step[]): HTMLElement | undefined {
  for (const { parent, index } of path) {
    if (!parent.isConnected) continue
    const next = parent.children[Math.min(index, parent.children.length - 1)]
    const found = (next && firstIn(next)) ?? firstIn(parent)
    if (found) return found
  }
  return undefined
}

const firstIn = (element: Element): HTMLElement | undefined =>
  [element, ...element.querySelectorAll(FOCUSABLE)].find(
    (one): one is HTMLElement => one instanceof HTMLElement && one.matches(FOCUSABLE) && canHaveFocus(one),
  )

const canHaveFocus = (element: HTMLElement): boolean =>
  element.isConnected && element.checkVisibility() && !element.matches(':disabled')
