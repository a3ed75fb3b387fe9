import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { PermissionRequest } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { openQuestions } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { ToolInput } from '../ToolPart/ToolPart'

/** The questions a session's agent waits on. */
export function PermissionPanel({ sessionId }: { sessionId: string }) {
  const { records } = useRecords(openQuestions())
  return records
    .filter((request) => request.session_id === sessionId)
    .map((request) => <Question key={request.request_id} request={request} />)
}

function Question({ request }: { request: PermissionRequest }) {
  const [reason, setReason] = useState('')
  const decide = useCallback(
    async (allow: boolean) => {
      const said = reason.trim() === '' ? {} : { reason: reason.trim() }
      openQuestions().merge(await app.service('permissions').decide({ request_id: request.request_id, allow, ...said }))
    },
    [request.request_id, reason],
  )
  const { run, isBusy, error } = useAction(decide)
  return (
    <Alert
      color="orange"
      variant="light"
      icon={<Icon name="hand" />}
      title={`May it use ${request.tool_name}?`}
      mx="sm"
      my={6}
      style={{ flex: 'none' }}
      role="alertdialog"
      aria-label={`Permission for ${request.tool_name}`}
    >
      <Stack gap="xs">
        <div style={{ maxHeight: 220, overflow: 'auto' }}>
          <ToolInput name={request.tool_name} input={(request.tool_input ?? {}) as Record<string, unknown>} />
        </div>
        {error && (
          <Text size="sm" c="red" role="alert">
            {error}
          </Text>
        )}
        <TextInput
          size="xs"
          aria-label="Reason"
          placeholder="A reason, told to the agent (optional)"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Group gap="xs">
          <Button size="xs" color="teal" loading={isBusy} onClick={() => void run(true)}>
            Allow
          </Button>
          <Button size="xs" color="red" variant="outline" disabled={isBusy} onClick={() => void run(false)}>
            Deny
          </Button>
        </Group>
      </Stack>
    </Alert>
  )
}
