import { Alert, Modal, Stack, Text } from '@mantine/core'
import { memo, useCallback, useState } from 'react'
import { type DiffFile, read } from '../../contract/client'
import type { Task } from '../../contract/records'
import { useRead } from '../../hooks/useRead'
import { patchLines } from '../../model/diff'
import { shortSha } from '../../model/ids'
import { adviceFor, hasEnded, taskLook } from '../../model/status'
import { compact, dollars, duration } from '../../model/time'
import { Continue } from '../Continue/Continue'
import { Diff } from '../Diff/Diff'
import { Empty, Failed, Loading } from '../States/States'
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
  const load = useCallback(() => read<{ files: DiffFile[]; total: number }>(`tasks/${taskId}/diff`), [taskId])
  const { value, error, again } = useRead(load)
  return (
    <Modal opened onClose={onClose} title="What this task changed" size="xl">
      {error ? (
        <Failed error={error} onRetry={again} />
      ) : !value ? (
        <Loading what="the changes" />
      ) : value.files.length === 0 ? (
        <Empty title="Nothing differs any more" />
      ) : (
        <Stack gap="md">
          {value.files.map((file) => (
            <div key={file.path}>
              <Text size="sm" fw={600}>
                {file.path}{' '}
                <Text span c="dimmed">
                  {file.status} +{file.insertions} −{file.deletions}
                </Text>
              </Text>
              {file.patch ? (
                <Diff lines={patchLines(file.patch)} label={`Changes in ${file.path}`} />
              ) : (
                <Text size="sm" c="dimmed">
                  {file.binary ? 'A binary file.' : 'Too large to show.'}
                </Text>
              )}
            </div>
          ))}
          {value.total > value.files.length && (
            <Text size="sm">And {value.total - value.files.length} more files.</Text>
          )}
        </Stack>
      )}
    </Modal>
  )
}

/** How a task ended that did not complete, and what a person can do about it. */
export function TaskEnd({ task, isLast }: { task: Task; isLast: boolean }) {
  if (task.status === 'stopped') {
    return (
      <Alert m="xs" mx={18} color="yellow" variant="light" title="Stopped">
        {task.error?.message}
      </Alert>
    )
  }
  return (
    <Alert m="xs" mx={18} color="red" variant="light" title="This task failed" role="alert">
      {task.error ? (
        <>
          <Text size="sm">{task.error.message}</Text>
          <Text size="sm" mt={4} c="dimmed">
            {adviceFor(task.error.kind)}
          </Text>
          {isLast && task.error.kind === 'interrupted' && <Continue sessionId={task.session_id} />}
        </>
      ) : (
        <Text size="sm">No reason was stored.</Text>
      )}
    </Alert>
  )
}
