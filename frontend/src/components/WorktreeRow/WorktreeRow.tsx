import { ActionIcon, Badge, Button, Checkbox, Group, List, Modal, Stack, Table, Text, Alert } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app, read, type ServiceError, type WorktreeStanding } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRead } from '../../hooks/useRead'
import { errorText, isConflict } from '../../model/errors'
import { shortSha } from '../../model/ids'
import { reportLines } from '../../model/worktreeReport'
import { Icon } from '../Icon/Icon'

/** A worktree: its branch, and how it stands against git now. */
export function WorktreeRow({ worktree }: { worktree: Worktree }) {
  const [isRemoving, setRemoving] = useState(false)
  const { worktree_id: id, last_updated: changed } = worktree
  const load = useCallback(() => read<WorktreeStanding>(`worktrees/${id}/status`), [id, changed]) // changed: read again
  const { value: status, error } = useRead(load)
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" fw={600}>
          {worktree.name}
        </Text>
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {worktree.path}
        </Text>
      </Table.Td>
      <Table.Td>
        <Text size="sm">{status?.branch ?? worktree.ref}</Text>
        <Text size="xs" c="dimmed" ff="monospace">
          {shortSha(worktree.base_sha)}
        </Text>
      </Table.Td>
      <Table.Td>
        {error ? (
          <Text size="xs" c="red">
            {error}
          </Text>
        ) : status ? (
          <Standing status={status} />
        ) : (
          <Text size="xs" c="dimmed">
            …
          </Text>
        )}
      </Table.Td>
      <Table.Td ta="right">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Remove the worktree ${worktree.name}`}
          onClick={() => setRemoving(true)}
        >
          <Icon name="trash" />
        </ActionIcon>
        {isRemoving && <RemoveWorktree worktree={worktree} onClose={() => setRemoving(false)} />}
      </Table.Td>
    </Table.Tr>
  )
}

function Standing({ status }: { status: WorktreeStanding }) {
  return (
    <Group gap={6}>
      {status.dirty ? (
        <Badge color="yellow" variant="light">
          {status.files.length || ''} changed
        </Badge>
      ) : (
        <Badge color="teal" variant="light">
          clean
        </Badge>
      )}
      {status.ahead > 0 && (
        <Badge color="blue" variant="light">
          {status.ahead} ahead
        </Badge>
      )}
      {status.behind > 0 && (
        <Badge color="gray" variant="light">
          {status.behind} behind
        </Badge>
      )}
    </Group>
  )
}

interface Refusal {
  message: string
  report: unknown
  token: string | null
}

/** Removes what git has stored already at once; of anything else it shows first what would be lost. */
function RemoveWorktree({ worktree, onClose }: { worktree: Worktree; onClose: () => void }) {
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const [isSure, setSure] = useState(false)
  const token = refusal?.token ?? null
  const remove = useCallback(async () => {
    try {
      await app.service('worktrees').remove(worktree.worktree_id, token ? { query: { force: token } } : undefined)
      onClose()
    } catch (error) {
      if (!isConflict(error)) throw error
      const { data } = error as ServiceError
      setSure(false)
      setRefusal({
        message: errorText(error),
        report: data?.['report'],
        token: typeof data?.['token'] === 'string' ? data['token'] : null,
      })
    }
  }, [worktree.worktree_id, token, onClose])
  const { run, isBusy, error } = useAction(remove)
  return (
    <Modal opened onClose={onClose} title={`Remove ${worktree.name}?`} size="lg">
      <Stack gap="sm">
        {refusal ? (
          <RefusalReport refusal={refusal} />
        ) : (
          <Text size="sm">The folder {worktree.path} goes; the branch and its commits stay in the repository.</Text>
        )}
        {token && (
          <Checkbox
            label="Remove it all the same; a snapshot of the changes is kept"
            checked={isSure}
            onChange={(event) => setSure(event.currentTarget.checked)}
          />
        )}
        {error && (
          <Alert color="red" role="alert">
            {error}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" data-autofocus onClick={onClose}>
            Keep it
          </Button>
          {(!refusal || token) && (
            <Button color="red" loading={isBusy} disabled={token !== null && !isSure} onClick={() => void run()}>
              Remove
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  )
}

function RefusalReport({ refusal }: { refusal: Refusal }) {
  const lines = reportLines(refusal.report)
  return (
    <Alert color="yellow" title="It was not removed" role="alert">
      <Text size="sm">{refusal.message}</Text>
      {lines.length > 0 && (
        <List size="sm" mt="xs">
          {lines.map((line) => (
            <List.Item key={line}>{line}</List.Item>
          ))}
        </List>
      )}
      <Text size="sm" mt="xs">
        Commit what is worth keeping, or move it elsewhere, and try again.
      </Text>
    </Alert>
  )
}
