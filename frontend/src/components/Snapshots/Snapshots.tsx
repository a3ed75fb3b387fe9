import { ActionIcon, Button, Group, Stack, Text } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app, read, type Snapshot } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useNow } from '../../hooks/useNow'
import { useRead } from '../../hooks/useRead'
import { shortSha } from '../../model/ids'
import { timeAgo } from '../../model/time'
import { removedWorktrees, worktrees } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { Failed, Loading } from '../States/States'
import { DropSnapshot } from './DropSnapshot'
import styles from './Snapshots.module.css'

/** What was saved of a worktree. One that is removed can be brought back as any of them. */
export function Snapshots({ worktree, onRestored }: { worktree: Worktree; onRestored?: () => void }) {
  const now = useNow()
  const id = worktree.worktree_id
  const load = useCallback(() => read<Snapshot[]>(`worktrees/${id}/snapshots`), [id])
  const { value, error, again } = useRead(load)
  const take = useAction(
    useCallback(async () => {
      await app.service('worktrees').snapshot({ worktree_id: id })
      again()
    }, [id, again]),
  )
  const [dropping, setDropping] = useState<Snapshot | null>(null)
  if (error) return <Failed error={error} onRetry={again} />
  if (!value) return <Loading what="snapshots" />
  const mayRestore = worktree.status === 'removed' || worktree.status === 'missing'
  return (
    <Stack gap="xs">
      {value.length === 0 ? (
        <Text size="sm" c="dimmed">
          No snapshot. One is taken before anything that git has not stored is removed, and at the end of a task.
        </Text>
      ) : (
        <ul className={styles.list}>
          {value.map((snapshot) => (
            <li key={snapshot.snapshot_id}>
              <code>{shortSha(snapshot.sha)}</code>
              <span title={snapshot.created_at}>
                {timeAgo(snapshot.created_at, now)} · {snapshot.reason}
                {snapshot.branch ? ` · ${snapshot.branch}` : ''}
              </span>
              {mayRestore && <Restore worktree={worktree} snapshot={snapshot} onRestored={onRestored} />}
              <ActionIcon
                size="sm"
                variant="subtle"
                color="gray"
                aria-label={`Drop the snapshot of ${snapshot.created_at}`}
                onClick={() => setDropping(snapshot)}
              >
                <Icon name="trash" size={14} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      {worktree.status === 'ready' && (
        <Group gap="xs">
          <Button size="compact-xs" variant="default" loading={take.isBusy} onClick={() => void take.run()}>
            Take a snapshot now
          </Button>
          <Text size="xs" c={take.error ? 'red' : 'dimmed'}>
            {take.error ?? 'After removing the worktree it can be restored as any of these.'}
          </Text>
        </Group>
      )}
      {dropping && (
        <DropSnapshot worktree={worktree} snapshot={dropping} onDropped={again} onClose={() => setDropping(null)} />
      )}
    </Stack>
  )
}

/** Brings a worktree back: with what was uncommitted when it was removed, or as a snapshot. */
export function Restore({
  worktree,
  snapshot,
  onRestored,
}: {
  worktree: Worktree
  snapshot?: Snapshot
  onRestored?: () => void
}) {
  const snapshotId = snapshot?.snapshot_id
  const restore = useCallback(async () => {
    const restored = await app
      .service('worktrees')
      .restore({ worktree_id: worktree.worktree_id, ...(snapshotId && { snapshot_id: snapshotId }) })
    worktrees().merge(restored)
    removedWorktrees().merge(restored)
    onRestored?.()
  }, [worktree.worktree_id, snapshotId, onRestored])
  const { run, isBusy, error } = useAction(restore)
  return (
    <Group gap={6}>
      <Button
        size="compact-xs"
        variant="light"
        loading={isBusy}
        aria-label={snapshot ? `Restore ${worktree.name} as of ${snapshot.created_at}` : `Restore ${worktree.name}`}
        onClick={() => void run()}
      >
        Restore
      </Button>
      {error && (
        <Text size="xs" c="red" role="alert">
          {error}
        </Text>
      )}
    </Group>
  )
}
