/** The GUI's entry: providers around the frame, and the one rule for calls that nobody signed in for. */
import './mantineStyles'
import { MantineProvider } from '@mantine/core'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './components/App/App'
import { Notices } from './components/Notices/Notices'
import { onRefused } from './contract/client'
import { isNotSignedIn } from './model/errors'
import { connection, forgetAll } from './store/stores'
import { cssVariables, theme } from './theme'

onRefused((error) => {
  if (!isNotSignedIn(error)) return
  connection.notSignedIn()
  forgetAll()
})

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <Notices />
      <App />
    </MantineProvider>
  </StrictMode>,
)
