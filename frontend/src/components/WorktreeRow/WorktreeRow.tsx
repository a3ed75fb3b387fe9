import { ActionIcon, Badge, Group, Text } from '@mantine/core'
import { useCallback, useEffect, useId, useState } from 'react'
import { read, type WorktreeStanding } from '../../contract/client'
import type { Worktree } from '../../contract/records'
import { type Reading, useRead } from '../../hooks/useRead'
import { shortSha } from '../../model/ids'
import { Icon } from '../Icon/Icon'
import { RemoveWorktree } from '../RemoveWorktree/RemoveWorktree'
import { Restore } from '../Snapshots/Snapshots'
import { WorktreeDetails } from '../WorktreeDetails/WorktreeDetails'
import styles from './WorktreeRow.module.css'

/** A worktree: its branch, and how it stands against git now; opened, what is in it. */
export function WorktreeRow({ worktree }: { worktree: Worktree }) {
  const [isOpen, setOpen] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const detailsId = useId()
  const standing = useStanding(worktree)
  const isMissing = worktree.status === 'missing'
  return (
    <li className={styles.row}>
      <div className={styles.line}>
        <button
          type="button"
          className={styles.summary}
          aria-expanded={isOpen}
          aria-controls={detailsId}
          disabled={isMissing}
          onClick={() => setOpen(!isOpen)}
        >
          <span className={isOpen ? `${styles.chevron} ${styles.open}` : styles.chevron}>
            <Icon name="chevron" size={12} />
          </span>
          <strong>{worktree.name}</strong>
          <Branch worktree={worktree} branch={standing.value?.branch ?? worktree.ref} />
        </button>
        <div className={styles.end}>
          {isMissing ? (
            <>
              <Badge color="red" variant="light">
                missing
              </Badge>
              <Restore worktree={worktree} />
            </>
          ) : (
            <Standing standing={standing} />
          )}
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Remove the worktree ${worktree.name}`}
            onClick={() => setRemoving(true)}
          >
            <Icon name="trash" />
          </ActionIcon>
        </div>
      </div>
      <div className={styles.path}>
        {worktree.path}
        {worktree.notes && <span> · {worktree.notes}</span>}
      </div>
      {isOpen && (
        <div id={detailsId}>
          <WorktreeDetails worktree={worktree} standing={standing} />
        </div>
      )}
      {isRemoving && <RemoveWorktree worktree={worktree} onClose={() => setRemoving(false)} />}
    </li>
  )
}

/** Where it stands against git: read again when its record changes, and when somebody comes back to the page. */
function useStanding({ worktree_id: id, last_updated: changed, status }: Worktree): Reading<WorktreeStanding> {
  const load = useCallback(
    async () => (status === 'ready' ? await read<WorktreeStanding>(`worktrees/${id}/status`) : NO_STANDING),
    [id, changed, status], // changed: read again
  )
  const reading = useRead(load)
  const { again } = reading
  useEffect(() => {
    window.addEventListener('focus', again)
    return () => window.removeEventListener('focus', again)
  }, [again])
  return reading
}

const NO_STANDING: WorktreeStanding = { branch: null, ahead: 0, behind: 0, dirty: false, files: [] }

function Branch({ worktree, branch }: { worktree: Worktree; branch: string | null }) {
  const isSame = branch === worktree.name
  return (
    <span className={styles.branch} title={`Began at ${worktree.base_ref ?? ''} ${shortSha(worktree.base_sha)}`}>
      <Icon name="branch" size={13} />
      {branch === null ? 'no branch' : isSame ? '' : branch}
      {worktree.base_ref && <span> from {worktree.base_ref}</span>}
    </span>
  )
}

function Standing({ standing: { value, error } }: { standing: Reading<WorktreeStanding> }) {
  if (error)
    return (
      <Text size="xs" c="red">
        {error}
      </Text>
    )
  if (!value)
    return (
      <Text size="xs" c="dimmed" role="status" aria-label="Reading its state">
        …
      </Text>
    )
  const conflicts = value.files.filter((file) => file.kind === 'conflicted').length
  return (
    <Group gap={6}>
      {conflicts > 0 && (
        <Badge color="red" variant="light">
          {conflicts} in conflict
        </Badge>
      )}
      {value.dirty ? (
        <Badge color="yellow" variant="light">
          {value.files.length || ''} changed
        </Badge>
      ) : (
        <Badge color="teal" variant="light">
          clean
        </Badge>
      )}
      {value.ahead > 0 && (
        <Badge color="blue" variant="light">
          {value.ahead} ahead
        </Badge>
      )}
      {value.behind > 0 && (
        <Badge color="gray" variant="light">
          {value.behind} behind
        </Badge>
      )}
    </Group>
  )
}
