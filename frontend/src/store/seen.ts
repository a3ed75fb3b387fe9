/** Up to when each session was looked at, in this browser. */

/** Where it is kept; the browser's `localStorage` has it. */
export interface Shelf {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

interface Stored {
  /** When this browser was first used here; what ended long before is not news. */
  since: string
  /** session id → ISO time */
  sessions: Record<string, string>
}

const DAY_MS = 24 * 60 * 60 * 1000
const NEWS_DAYS = 7
const MOST_SESSIONS = 1000

export class Seen {
  private stored: Stored
  private listeners = new Set<() => void>()
  /** Grows with every change. */
  version = 0

  constructor(
    private readonly key: string,
    private readonly shelf: Shelf,
    private readonly now: number,
  ) {
    this.stored = this.load()
    if (shelf.getItem(key) === null) this.save()
  }

  /** Runs that ended before are no news: a week ago, or a day before this browser was first used. */
  get newsBegins(): string {
    return latest(this.stored.since, new Date(this.now - NEWS_DAYS * DAY_MS).toISOString())
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  until = (sessionId: string): string | null => this.stored.sessions[sessionId] ?? null

  /** All that happened in these sessions up to these times was looked at. */
  mark(times: Iterable<readonly [sessionId: string, time: string]>): void {
    const known = this.load().sessions // another tab may have looked, too
    const sessions = { ...known }
    for (const [id, time] of times) sessions[id] = latest(sessions[id] ?? '', time)
    const isSame = Object.entries(sessions).every(([id, time]) => this.stored.sessions[id] === time)
    if (isSame) return
    this.stored = { ...this.stored, sessions: newest(sessions) }
    this.save()
    this.tell()
  }

  /** What another tab stored. */
  reload = (): void => {
    this.stored = this.load()
    this.tell()
  }

  private tell(): void {
    this.version++
    for (const listener of [...this.listeners]) listener()
  }

  private load(): Stored {
    try {
      const found = JSON.parse(this.shelf.getItem(this.key) ?? 'null') as Stored | null
      if (found && typeof found.since === 'string' && typeof found.sessions === 'object') return found
    } catch {
      // What cannot be read counts as nothing.
    }
    return { since: new Date(this.now - DAY_MS).toISOString(), sessions: {} }
  }

  private save(): void {
    try {
      this.shelf.setItem(this.key, JSON.stringify(this.stored))
    } catch {
      // A full or forbidden storage: it is known until the page is left.
    }
  }
}

const latest = (a: string, b: string): string => (a > b ? a : b)

function newest(sessions: Record<string, string>): Record<string, string> {
  const entries = Object.entries(sessions)
  if (entries.length <= MOST_SESSIONS) return sessions
  return Object.fromEntries(entries.sort(([, a], [, b]) => (a < b ? 1 : -1)).slice(0, MOST_SESSIONS))
}
