/** What a view shows in place of its content. */
import { Alert, Button, Center, Loader, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { errorText } from '../../model/errors'

export function Loading({ what }: { what: string }) {
  return (
    <Center p="xl" h="100%" role="status" aria-live="polite">
      <Stack align="center" gap="xs">
        <Loader size="sm" />
        <Text size="sm" c="dimmed">
          Loading {what} …
        </Text>
      </Stack>
    </Center>
  )
}

export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <Alert color="red" title="That did not work" role="alert" m="md">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{typeof error === 'string' ? error : errorText(error)}</Text>
        {onRetry && (
          <Button size="xs" variant="light" color="red" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Center p="lg" h="100%">
      <Stack align="center" gap="sm" miw={0} maw={560} ta="center">
        <Title order={2} size="h3">
          {title}
        </Title>
        {children}
      </Stack>
    </Center>
  )
}
