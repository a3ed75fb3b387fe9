/** Why the daemon keeps a snapshot that somebody wants to drop. */

export interface Need {
  /** Only it can bring the removed worktree back as it was. */
  isLast: boolean
  /** What their differences are read from. */
  tasks: { task_id: string; description: string }[]
}

/** What needs a snapshot, out of a refusal; null for a refusal that is about something else. */
export function needOf(data: Record<string, unknown> | undefined): Need | null {
  const tasks = data?.['tasks']
  return Array.isArray(tasks) ? { isLast: data?.['is_last'] === true, tasks: tasks as Need['tasks'] } : null
}
