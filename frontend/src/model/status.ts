/** What a status is called, how it is coloured, and what to do about an error. */
import type { Session, Task, TaskError } from '../contract/records'
import { clockTime } from './time'

export interface StatusLook {
  label: string
  color: string
  /** Something happens right now. */
  isLive: boolean
}

const SESSION_LOOKS: Record<string, StatusLook> = {
  idle: { label: 'Idle', color: 'gray', isLive: false },
  running: { label: 'Running', color: 'blue', isLive: true },
  awaiting_permission: { label: 'Asks permission', color: 'orange', isLive: true },
  completed: { label: 'Completed', color: 'teal', isLive: false },
  failed: { label: 'Failed', color: 'red', isLive: false },
}

const TASK_LOOKS: Record<string, StatusLook> = {
  ...SESSION_LOOKS,
  created: { label: 'Waiting', color: 'gray', isLive: false },
  stopped: { label: 'Stopped', color: 'yellow', isLive: false },
}

const unknown = (status: string): StatusLook => ({ label: status, color: 'gray', isLive: false })

export const sessionLook = (status: string): StatusLook => SESSION_LOOKS[status] ?? unknown(status)
export const taskLook = (status: string): StatusLook => TASK_LOOKS[status] ?? unknown(status)

/** Whether an agent works on the session or the task, so that it can be stopped. */
export const isBusy = ({ status }: Pick<Session | Task, 'status'>): boolean =>
  status === 'running' || status === 'awaiting_permission'

/** Whether the task has ended, whichever way. */
export const hasEnded = (task: Pick<Task, 'status'>): boolean =>
  task.status === 'completed' || task.status === 'failed' || task.status === 'stopped'

const ADVICE: Record<string, string> = {
  interrupted: 'The daemon ended while this ran. What was written stays; prompt again to go on.',
  no_cli: 'Install the agent’s command line program, then prompt again. “agor agent list” says what is missing.',
  no_key: 'Give the daemon a key for this agent, or sign in with its command line program; then prompt again.',
  auth: 'The agent’s account was refused. Sign in again with its command line program, or check the key.',
  rate_limited: 'The account’s limit is reached. Wait for a while, then prompt again.',
  overloaded: 'The service is overloaded. Prompt again in some minutes.',
  bad_model: 'This model is unknown to the agent. Choose another, then prompt again.',
  cwd_missing: 'The working directory is gone. Restore the worktree, or fork the session into a new one.',
  prompt_too_large: 'Shorten the prompt, or fork at an earlier task, where less is remembered.',
  agent_crashed: 'The agent’s program ended by itself. Prompt again; the daemon’s log may say why.',
  timed_out: 'The run took longer than allowed. Prompt again to go on from here.',
  refused: 'The agent refused. Change the prompt and try again.',
  unknown: 'The daemon’s log may say more. Prompt again to try once more.',
}

const HISTORY_LOST =
  'The agent remembers nothing of this conversation, but everything is stored here. It can be told, and go on.'

/** What a person can do about a task's error; empty where nothing is wrong (it was stopped on purpose). */
export function adviceFor(error: TaskError, now: number): string {
  if (error.reason === 'history_lost') return HISTORY_LOST
  if (error.retry_at && Date.parse(error.retry_at) > now) return `It can go on at ${clockTime(error.retry_at, now)}.`
  return error.kind === 'stopped' ? '' : (ADVICE[error.kind] ?? ADVICE['unknown']!)
}
