import { Badge, Button, Card, Group, Progress, Stack, Text, Title } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { Repo, Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useCloneProgress } from '../../hooks/useCloneProgress'
import { useNow } from '../../hooks/useNow'
import { progressLine } from '../../model/repoSource'
import { timeAgo } from '../../model/time'
import { repos } from '../../store/stores'
import { ConfirmDialog } from '../ConfirmDialog/ConfirmDialog'
import { Icon } from '../Icon/Icon'
import { NewWorktreeDialog } from '../NewWorktreeDialog/NewWorktreeDialog'
import { Restore, Snapshots } from '../Snapshots/Snapshots'
import { WorktreeRow } from '../WorktreeRow/WorktreeRow'
import styles from './RepoCard.module.css'

// So that there is a bar to see from the start.
const SMALLEST_BAR = 2
const COLORS: Record<string, string> = { ready: 'teal', cloning: 'blue', failed: 'red', missing: 'red' }

interface RepoCardProps {
  repo: Repo
  worktrees: Worktree[]
  /** Whether these are all there are. */
  isComplete: boolean
  removed: Worktree[]
}

/** A repository: how it came here, its worktrees, and those that were removed. */
export function RepoCard({ repo, worktrees, isComplete, removed }: RepoCardProps) {
  const [asking, setAsking] = useState<'worktree' | 'remove' | null>(null)
  const close = useCallback(() => setAsking(null), [])
  const isReady = repo.status === 'ready'
  return (
    <Card withBorder padding="md" component="section" aria-label={`Repository ${repo.slug}`}>
      <Group justify="space-between" gap="xs" align="flex-start">
        <div className={styles.head}>
          <Group gap="xs">
            <Title order={2} size="h4" className={styles.slug}>
              {repo.slug}
            </Title>
            {!isReady && (
              <Badge color={COLORS[repo.status] ?? 'gray'} variant="light">
                {repo.status}
              </Badge>
            )}
            {repo.default_branch && (
              <Text size="xs" c="dimmed" title="Its default branch">
                <Icon name="branch" size={12} /> {repo.default_branch}
              </Text>
            )}
          </Group>
          <Text size="xs" c="dimmed" className={styles.slug}>
            {repo.managed_by_agor
              ? repo.remote_url
              : `${repo.local_path}${repo.remote_url ? ` · ${repo.remote_url}` : ''}`}
          </Text>
        </div>
        <Group gap="xs">
          {isReady && (
            <Button
              size="compact-sm"
              variant="light"
              leftSection={<Icon name="add" size={13} />}
              onClick={() => setAsking('worktree')}
            >
              New worktree
            </Button>
          )}
          {repo.status !== 'cloning' && (
            <Button size="compact-sm" variant="default" onClick={() => setAsking('remove')}>
              Forget
            </Button>
          )}
        </Group>
      </Group>
      {repo.status === 'cloning' && <Cloning repo={repo} />}
      {repo.error && (
        <Text size="sm" c="red" mt="xs" className={styles.slug}>
          {repo.error}
        </Text>
      )}
      {isReady && isComplete && worktrees.length === 0 && (
        <Text size="sm" c="dimmed" mt="sm">
          No worktrees. A new session makes one.
        </Text>
      )}
      {worktrees.length > 0 && (
        <ul className={styles.worktrees} aria-label={`Worktrees of ${repo.slug}`}>
          {worktrees.map((tree) => (
            <WorktreeRow key={tree.worktree_id} worktree={tree} />
          ))}
        </ul>
      )}
      {removed.length > 0 && <Removed worktrees={removed} />}
      {asking === 'worktree' && <NewWorktreeDialog repo={repo} onClose={close} />}
      {asking === 'remove' && <ForgetRepo repo={repo} onClose={close} />}
    </Card>
  )
}

/** How far a clone has come. Cancelling leaves nothing behind. */
function Cloning({ repo }: { repo: Repo }) {
  const progress = useCloneProgress(repo.repo_id)
  const { run, isBusy, error } = useAction(useCallback(() => app.service('repos').remove(repo.repo_id), [repo.repo_id]))
  return (
    <Stack gap={4} mt="sm">
      <Progress value={Math.max(SMALLEST_BAR, progress?.percent ?? 0)} animated aria-label={`Clone of ${repo.slug}`} />
      <Group justify="space-between">
        <Text size="xs" c={error ? 'red' : 'dimmed'} role="status">
          {error ?? (progress ? progressLine(progress) : 'Connecting …')}
        </Text>
        <Button size="compact-xs" variant="default" loading={isBusy} onClick={() => void run()}>
          Cancel
        </Button>
      </Group>
    </Stack>
  )
}

function Removed({ worktrees }: { worktrees: Worktree[] }) {
  const now = useNow()
  return (
    <details className={styles.removed}>
      <summary>Removed worktrees ({worktrees.length})</summary>
      <ul>
        {worktrees.map((tree) => (
          <li key={tree.worktree_id}>
            <Group gap="xs">
              <strong>{tree.name}</strong>
              <span title={tree.last_updated}>{timeAgo(tree.last_updated, now)}</span>
              <Restore worktree={tree} />
            </Group>
            <OldSnapshots worktree={tree} />
          </li>
        ))}
      </ul>
    </details>
  )
}

/** The snapshots of a removed worktree, read only when somebody wants to see them. */
function OldSnapshots({ worktree }: { worktree: Worktree }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Snapshots of {worktree.name}</summary>
      {isOpen && <Snapshots worktree={worktree} />}
    </details>
  )
}

function ForgetRepo({ repo, onClose }: { repo: Repo; onClose: () => void }) {
  const forget = useCallback(async () => {
    await app.service('repos').remove(repo.repo_id)
    void repos().refresh()
  }, [repo.repo_id])
  return (
    <ConfirmDialog
      title={`Forget ${repo.slug}?`}
      text={
        repo.managed_by_agor
          ? 'Agor’s clone goes if everything in it is pushed; otherwise it is put aside, not deleted.'
          : 'The checkout and everything in it stays where it is; Agor only knows it no more.'
      }
      verb="Forget"
      call={forget}
      onClose={onClose}
    />
  )
}
