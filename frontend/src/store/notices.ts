/** Short notices about what could not be done, or was done elsewhere; `Notices` shows them. */

export interface Notice {
  id: number
  color: 'red' | 'yellow'
  title: string
  message: string
}

let notices: Notice[] = []
let lastId = 0
const listeners = new Set<() => void>()

export function notify(notice: Omit<Notice, 'id'>): void {
  set([...notices, { ...notice, id: ++lastId }])
}

export function dismissNotice(id: number): void {
  set(notices.filter((notice) => notice.id !== id))
}

export const currentNotices = (): Notice[] => notices

export function subscribeNotices(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function set(next: Notice[]): void {
  notices = next
  for (const listener of [...listeners]) listener()
}
