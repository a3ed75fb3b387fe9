import { Alert, Checkbox, List, Stack, Text } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app, type ServiceError, type Snapshot } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useNow } from '../../hooks/useNow'
import { type Need, needOf } from '../../model/snapshotNeed'
import { timeAgo } from '../../model/time'
import { Dialog } from '../Dialog/Dialog'
import { Destruction } from '../Form/Form'

interface DropSnapshotProps {
  worktree: Worktree
  snapshot: Snapshot
  onDropped: () => void
  onClose: () => void
}

/** Ends a snapshot: asks first, and a second time, with what is lost, where something still needs it. */
export function DropSnapshot({ worktree, snapshot, onDropped, onClose }: DropSnapshotProps) {
  const [need, setNeed] = useState<Need | null>(null)
  const [isSure, setSure] = useState(false)
  const { worktree_id: worktreeId, name } = worktree
  const drop = useCallback(async () => {
    const service = app.service(`worktrees/${worktreeId}/snapshots`)
    try {
      await service.remove(snapshot.snapshot_id, { query: isSure ? { force: true } : {} })
    } catch (refusal) {
      const found = needOf((refusal as ServiceError).data)
      if (isSure || found === null) throw refusal
      setNeed(found)
      return
    }
    onDropped()
    onClose()
  }, [worktreeId, snapshot.snapshot_id, isSure, onDropped, onClose])
  const action = useAction(drop)
  const age = timeAgo(snapshot.created_at, useNow())
  return (
    <Dialog onClose={onClose} title={`Drop a snapshot of ${name}?`}>
      <Stack gap="sm">
        <Text size="sm">
          Files that only the snapshot of {age} ({snapshot.reason}) holds are gone for good. What is in the worktree and
          in commits stays.
        </Text>
        {need && <Needed need={need} />}
        {need && (
          <Checkbox
            label="Drop it all the same"
            checked={isSure}
            onChange={(event) => setSure(event.currentTarget.checked)}
          />
        )}
        <Destruction action={action} verb="Drop" isReady={need === null || isSure} onClose={onClose} />
      </Stack>
    </Dialog>
  )
}

function Needed({ need: { isLast, tasks } }: { need: Need }) {
  return (
    <Alert color="yellow" title="It is still needed" role="alert">
      {isLast && (
        <Text size="sm">Only with it can the worktree, which is gone from the disk, be restored as it was.</Text>
      )}
      {!(isLast && tasks.length === 0) && (
        <Text size="sm">What was changed by a task is read from it, and could not be shown any more:</Text>
      )}
      {tasks.length > 0 && (
        <List size="sm" mt="xs">
          {tasks.map((task) => (
            <List.Item key={task.task_id}>{task.description || task.task_id}</List.Item>
          ))}
        </List>
      )}
    </Alert>
  )
}
