/** Why the daemon keeps a snapshot that somebody wants to drop. */

export interface TaskInNeed {
  task_id: string
  description: string
}

/** The tasks whose differences need it, out of a refusal; null for a refusal that is about something else. */
export function tasksInNeed(data: Record<string, unknown> | undefined): TaskInNeed[] | null {
  const tasks = data?.['tasks']
  return Array.isArray(tasks) ? (tasks as TaskInNeed[]) : null
}
