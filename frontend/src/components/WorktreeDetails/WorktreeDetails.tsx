import { Badge, Button, Group, NativeSelect, SegmentedControl, Stack, Text } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app, read, type Snapshot, type WorktreeFile, type WorktreeStanding } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useNow } from '../../hooks/useNow'
import { type Reading, useRead } from '../../hooks/useRead'
import { shortSha } from '../../model/ids'
import { timeAgo } from '../../model/time'
import { removedWorktrees, worktrees } from '../../store/stores'
import { DiffFiles } from '../Diff/DiffFiles'
import { Failed, Loading } from '../States/States'
import styles from './WorktreeDetails.module.css'

type View = 'files' | 'diff' | 'snapshots'

const VIEWS = [
  { value: 'files', label: 'Files' },
  { value: 'diff', label: 'Differences' },
  { value: 'snapshots', label: 'Snapshots' },
]
const KIND_COLORS = { changed: 'yellow', untracked: 'blue', conflicted: 'red' } as const

/** What is in a worktree now, how it differs, and what was saved of it. */
export function WorktreeDetails({ worktree, standing }: { worktree: Worktree; standing: Reading<WorktreeStanding> }) {
  const [view, setView] = useState<View>('files')
  return (
    <Stack gap="xs" className={styles.details}>
      <SegmentedControl
        size="xs"
        aria-label={`What to show of ${worktree.name}`}
        value={view}
        onChange={(value) => setView(value as View)}
        data={VIEWS}
      />
      {view === 'files' && <Files standing={standing} />}
      {view === 'diff' && <Differences worktree={worktree} />}
      {view === 'snapshots' && <Snapshots worktree={worktree} />}
    </Stack>
  )
}

function Files({ standing: { value, error, again } }: { standing: Reading<WorktreeStanding> }) {
  if (error) return <Failed error={error} onRetry={again} />
  if (!value) return <Loading what="the files" />
  if (value.files.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Nothing is changed.
      </Text>
    )
  return (
    <ul className={styles.files}>
      {value.files.map((file) => (
        <li key={file.path}>
          <Badge size="xs" variant="light" color={KIND_COLORS[file.kind]}>
            {file.kind}
          </Badge>
          <code>{file.old_path ? `${file.old_path} → ${file.path}` : file.path}</code>
          <span>{stagingOf(file)}</span>
        </li>
      ))}
    </ul>
  )
}

function stagingOf({ staged, unstaged }: WorktreeFile): string {
  return [staged && `${staged}, staged`, unstaged && `${unstaged}, not staged`].filter(Boolean).join('; ')
}

function Differences({ worktree }: { worktree: Worktree }) {
  const choices = [
    { value: 'uncommitted', label: 'What is not committed', query: { against: 'HEAD' } },
    { value: 'staged', label: 'What is staged', query: { against: 'HEAD', staged: true } },
    {
      value: 'begin',
      label: `Everything since it began, at ${worktree.base_ref ?? shortSha(worktree.base_sha)}`,
      query: {},
    },
  ]
  const [chosen, setChosen] = useState('uncommitted')
  const { query } = choices.find((each) => each.value === chosen)!
  return (
    <>
      <NativeSelect
        size="xs"
        aria-label="Differences to show"
        value={chosen}
        onChange={(event) => setChosen(event.currentTarget.value)}
        data={choices.filter((each) => each.value !== 'begin' || worktree.base_sha)}
      />
      <DiffFiles
        key={chosen}
        path={`worktrees/${worktree.worktree_id}/diff`}
        query={query}
        emptyText="There is no difference"
      />
    </>
  )
}

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
        <ul className={styles.files}>
          {value.map((snapshot) => (
            <li key={snapshot.snapshot_id}>
              <code>{shortSha(snapshot.sha)}</code>
              <span title={snapshot.created_at}>
                {timeAgo(snapshot.created_at, now)} · {snapshot.reason}
                {snapshot.branch ? ` · ${snapshot.branch}` : ''}
              </span>
              {mayRestore && <Restore worktree={worktree} snapshot={snapshot} onRestored={onRestored} />}
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
