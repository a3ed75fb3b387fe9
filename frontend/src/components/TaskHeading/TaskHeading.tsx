import { Alert, Text } from '@mantine/core'
import { memo, useState } from 'react'
import type { Task } from '../../contract/records'
import { useNow } from '../../hooks/useNow'
import { shortSha } from '../../model/ids'
import { adviceFor, hasEnded, taskLook } from '../../model/status'
import { compact, dollars, duration } from '../../model/time'
import { Dialog } from '../Dialog/Dialog'
import { Continue } from '../Continue/Continue'
import { DiffFiles } from '../Diff/DiffFiles'
import { StatusBadge } from '../StatusBadge/StatusBadge'
import styles from './TaskHeading.module.css'

/** A prompt, as the heading of all the agent did about it, with how it went. */
export const TaskHeading = memo(function TaskHeading({ task, isInherited }: { task: Task; isInherited: boolean }) {
  return (
    <section
      className={isInherited ? `${styles.heading} ${styles.inherited}` : styles.heading}
      aria-label={`Task: ${task.description}`}
    >
      <div className={styles.box}>
        <TaskFacts task={task} />
        <p className={styles.prompt}>{task.full_prompt}</p>
      </div>
    </section>
  )
})

function TaskFacts({ task }: { task: Task }) {
  const [showsDiff, setShowsDiff] = useState(false)
  const git = task.git_state
  const tokens = (task.usage?.input_tokens ?? 0) + (task.usage?.output_tokens ?? 0)
  const cost = dollars(task.usage?.cost_usd ?? 0)
  const files = git?.files_changed ?? 0
  return (
    <div className={styles.facts}>
      <StatusBadge look={taskLook(task.status)} />
      {git?.sha_at_start && (
        <span title="git commit before and after; + means uncommitted changes">
          <code>{shortSha(git.sha_at_start)}</code>
          {git.sha_at_end && git.sha_at_end !== git.sha_at_start && (
            <>
              {' '}
              → <code>{shortSha(git.sha_at_end)}</code>
            </>
          )}
        </span>
      )}
      {files > 0 && (
        <button type="button" className={styles.diffButton} onClick={() => setShowsDiff(true)}>
          {files} {files === 1 ? 'file' : 'files'} changed +{git?.insertions ?? 0} −{git?.deletions ?? 0}
        </button>
      )}
      {hasEnded(task) && task.duration_ms != null && <span>{duration(task.duration_ms)}</span>}
      {tokens > 0 && <span>{compact(tokens)} tokens</span>}
      {cost && <span>{cost}</span>}
      {showsDiff && <TaskDiff taskId={task.task_id} onClose={() => setShowsDiff(false)} />}
    </div>
  )
}

function TaskDiff({ taskId, onClose }: { taskId: string; onClose: () => void }) {
  return (
    <Dialog onClose={onClose} title="What this task changed" size="xl">
      <DiffFiles path={`tasks/${taskId}/diff`} emptyText="Nothing differs any more" />
    </Dialog>
  )
}

/** How a task ended that did not complete, and what a person can do about it. */
export function TaskEnd({ task, isLast }: { task: Task; isLast: boolean }) {
  const now = useNow()
  if (task.status === 'stopped') {
    return (
      <Alert m="xs" mx={18} color="yellow" variant="light" title="Stopped">
        {task.error?.message}
        {isLast && <Continue sessionId={task.session_id} error={task.error} />}
      </Alert>
    )
  }
  return (
    <Alert m="xs" mx={18} color="red" variant="light" title="This task failed" role="alert">
      {task.error ? (
        <>
          <Text size="sm">{task.error.message}</Text>
          <Text size="sm" mt={4} c="dimmed">
            {adviceFor(task.error, now)}
          </Text>
          {isLast && <Continue sessionId={task.session_id} error={task.error} />}
        </>
      ) : (
        <Text size="sm">No reason was stored.</Text>
      )}
    </Alert>
  )
}
