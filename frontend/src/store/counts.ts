/** How many sessions each board has, kept true without fetching them. */
import type { Page, Query } from '../contract/client'
import type { Session } from '../contract/records'
import type { Reconnects } from './liveCollection'

interface CountSource {
  find(params: { query: Query }): Promise<Page<Session>>
  on(event: string, listener: (session: Session) => void): unknown
  off(event: string, listener: (session: Session) => void): unknown
}

const EVENTS = ['created', 'updated', 'patched', 'removed'] as const
// A burst of changes is counted once.
const SETTLE_MS = 300

/** The number of a board's sessions that are not archived. Open while somebody looks. */
export class BoardCount {
  private count: number | null = null
  private listeners = new Set<() => void>()
  /** Sessions known to be on this board, or known not to be: a change of theirs that keeps that needs no new count. */
  private isHere = new Map<string, boolean>()
  private stopListening: () => void = () => undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  /** Counts the questions; answers may overtake each other, and only that to the latest is of now. */
  private asked = 0

  constructor(
    private readonly boardId: string,
    private readonly source: CountSource,
    private readonly connection: Reconnects,
  ) {}

  /** null until it was counted. */
  snapshot = (): number | null => this.count

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    if (this.listeners.size === 1) this.stopListening = this.listen()
    return () => {
      this.listeners.delete(listener)
      if (this.listeners.size === 0) this.stopListening()
    }
  }

  private listen(): () => void {
    const changed = (session: Session): void => {
      const isHere = session.board_id === this.boardId && !session.archived
      const wasHere = this.isHere.get(session.session_id)
      this.isHere.set(session.session_id, isHere)
      if (wasHere !== isHere) this.countSoon()
    }
    const removed = (session: Session): void => {
      this.isHere.delete(session.session_id)
      if (session.board_id === this.boardId) this.countSoon()
    }
    for (const event of EVENTS) this.source.on(event, event === 'removed' ? removed : changed)
    const forget = this.connection.onConnect(() => void this.recount())
    void this.recount()
    return () => {
      for (const event of EVENTS) this.source.off(event, event === 'removed' ? removed : changed)
      forget()
      clearTimeout(this.timer)
      this.timer = undefined
    }
  }

  private countSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      void this.recount()
    }, SETTLE_MS)
  }

  private async recount(): Promise<void> {
    const turn = ++this.asked
    try {
      const page = await this.source.find({ query: { board_id: this.boardId, archived: false, $limit: 0 } })
      if (turn !== this.asked) return
      this.count = page.total
      for (const listener of [...this.listeners]) listener()
    } catch {
      // A number that is a little old is better than none; the next connect counts again.
    }
  }
}
