import { Alert, Button, Stack, Text } from '@mantine/core'
import { Component, type ReactNode } from 'react'

interface GuardProps {
  children: ReactNode
  /** What is shown inside; another one is another try. */
  what: string
}

/** Says in place of its content that this could not be shown, where a mistake or a part of another version broke it. */
export class Guard extends Component<GuardProps, { error: unknown }> {
  override state: { error: unknown } = { error: null }

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error }
  }

  override componentDidUpdate(before: GuardProps): void {
    if (before.what !== this.props.what && this.state.error !== null) this.setState({ error: null })
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children
    return (
      <Alert color="red" title="This could not be shown" role="alert" m="md">
        <Stack gap="xs" align="flex-start">
          <Text size="sm">
            Perhaps the daemon has been updated since this page was opened. Nothing is lost: all that you sent is with
            the daemon.
          </Text>
          <Text size="xs" c="dimmed">
            {String(this.state.error)}
          </Text>
          <Button size="xs" variant="light" color="red" onClick={() => window.location.reload()}>
            Reload the page
          </Button>
        </Stack>
      </Alert>
    )
  }
}
