import { Alert, Checkbox, List, Stack, Text } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app, type ServiceError } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { errorText, isConflict } from '../../model/errors'
import { reportLines } from '../../model/worktreeReport'
import { removedWorktrees, worktrees } from '../../store/stores'
import { Dialog } from '../Dialog/Dialog'
import { Destruction } from '../Form/Form'

interface Refusal {
  message: string
  report: unknown
  token: string | null
}

/** Removes what git has stored already at once; of anything else it shows first what would be lost. */
export function RemoveWorktree({ worktree, onClose }: { worktree: Worktree; onClose: () => void }) {
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const [isSure, setSure] = useState(false)
  const [withBranch, setWithBranch] = useState(false)
  const token = refusal?.token ?? null
  const remove = useCallback(async () => {
    const query = { ...(token && { force: token }), ...(withBranch && { branch: 'delete' }) }
    try {
      const removed = await app.service('worktrees').remove(worktree.worktree_id, { query })
      worktrees().merge(removed)
      removedWorktrees().merge(removed)
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
  }, [worktree.worktree_id, token, withBranch, onClose])
  const action = useAction(remove)
  return (
    <Dialog onClose={onClose} title={`Remove ${worktree.name}?`} size="lg">
      <Stack gap="sm">
        {refusal ? (
          <RefusalReport refusal={refusal} />
        ) : (
          <Text size="sm">
            The folder <code>{worktree.path}</code> goes. It can be restored.
          </Text>
        )}
        {worktree.ref && (
          <Checkbox
            label={`Delete its branch ${worktree.ref}, too`}
            description="Only if all its commits are merged or pushed, or in the snapshot. Otherwise the branch stays in the repository."
            checked={withBranch}
            onChange={(event) => setWithBranch(event.currentTarget.checked)}
          />
        )}
        {token && (
          <Checkbox
            label="Remove it all the same; a snapshot of the changes is kept"
            checked={isSure}
            onChange={(event) => setSure(event.currentTarget.checked)}
          />
        )}
        <Destruction
          action={action}
          verb={refusal && !token ? 'Try again' : 'Remove'}
          isReady={token === null || isSure}
          onClose={onClose}
        />
      </Stack>
    </Dialog>
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
