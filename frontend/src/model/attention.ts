/** What waits for a person: questions, failures, and finished runs that nobody looked at. */
import type { PermissionRequest, Session, Task } from '../contract/records'

export type EndedTask = Pick<
  Task,
  'task_id' | 'session_id' | 'status' | 'started_at' | 'completed_at' | 'created_at' | 'description' | 'error'
>
export type NamedSession = Pick<Session, 'session_id' | 'title' | 'description' | 'agent' | 'status' | 'last_updated'>

export interface Outcome {
  session: NamedSession
  task: EndedTask
}

export interface Attention {
  questions: PermissionRequest[]
  failed: Outcome[]
  finished: Outcome[]
  /** How many of these cannot go on without a person; what has just finished can wait. */
  waiting: number
}

/**
 * Of each session the last run counts, if it ended by itself after the session was last looked at. `sessions` are those
 * that may be shown; `seenUntil` says up to which time (ISO) a session was looked at, null for never.
 */
export function attention(
  questions: readonly PermissionRequest[],
  tasks: readonly EndedTask[],
  sessions: readonly NamedSession[],
  seenUntil: (sessionId: string) => string | null,
): Attention {
  const last = new Map<string, EndedTask>()
  for (const task of tasks) {
    const known = last.get(task.session_id)
    if (!known || isLater(task, known)) last.set(task.session_id, task)
  }
  const outcomes = sessions
    .flatMap((session) => {
      const task = last.get(session.session_id)
      return task && isNews(task, seenUntil(session.session_id)) ? [{ session, task }] : []
    })
    .sort((a, b) => (a.task.completed_at! < b.task.completed_at! ? 1 : -1))
  const failed = outcomes.filter(({ task }) => task.status === 'failed')
  const finished = outcomes.filter(({ task }) => task.status === 'completed')
  return { questions: [...questions], failed, finished, waiting: questions.length + failed.length }
}

/** The counts in words: `2 questions, 1 failure; 3 finished`. */
export function attentionWords({ questions, failed, finished }: Attention): string {
  const waiting = [
    counted(questions.length, 'question', 'questions'),
    counted(failed.length, 'failure', 'failures'),
  ].filter(Boolean)
  const words = waiting.length > 0 ? waiting.join(', ') : 'nothing'
  return finished.length > 0 ? `${words}; ${finished.length} finished` : words
}

const counted = (count: number, one: string, many: string): string =>
  count > 0 ? `${count} ${count === 1 ? one : many}` : ''

/** A run that goes on is later than all that ended. */
function isLater(task: EndedTask, than: EndedTask): boolean {
  if (!than.completed_at) return false
  return !task.completed_at || task.completed_at > than.completed_at
}

function isNews(task: EndedTask, seenUntil: string | null): boolean {
  if (!task.completed_at || (task.status !== 'failed' && task.status !== 'completed')) return false
  // What was imported ended before its record was made, and is news to nobody.
  if (task.completed_at < task.created_at) return false
  return seenUntil === null || task.completed_at > seenUntil
}
