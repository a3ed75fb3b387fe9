import { Badge, NativeSelect, SegmentedControl, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { WorktreeFile, WorktreeStanding } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import type { Reading } from '../../hooks/useRead'
import { shortSha } from '../../model/ids'
import { DiffFiles } from '../Diff/DiffFiles'
import { Snapshots } from '../Snapshots/Snapshots'
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
