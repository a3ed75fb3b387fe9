/** Records of one service as they are now: fetched once, and kept true by the daemon's events. */
import type { Page, Query } from '../contract/client'
import { isConnectionLoss } from '../model/errors'
import { Listeners } from './listeners'
import type { Soon } from './turns'

/** What the collection needs of a service; the Feathers client's services have it. */
export interface RecordSource<T> {
  find(params: { query: Query }): Promise<Page<T>>
  get(id: string): Promise<T>
  on(event: string, listener: (record: T) => void): unknown
  off(event: string, listener: (record: T) => void): unknown
}

/** The connection's news: `connect` says whether everything missed was replayed. */
export interface Reconnects {
  onConnect(listener: (recovered: boolean) => void): () => void
}

export interface CollectionOptions<T> {
  id: keyof T & string
  query?: Query
  /** Whether an event's record belongs here; default: all do. */
  matches?: (record: T) => boolean
  order: (a: T, b: T) => number
  pageSize?: number
  /** No more than this many are fetched; those that events bring come on top. */
  most?: number
  /** Only the first records, in the query's order, are fetched by itself, and the others by calls of `more`. */
  window?: Window<T>
}

export interface Window<T> {
  /** How many are fetched by itself. */
  first: number
  /** What selects the records that come after this one. */
  after: (last: T) => Query
}

export interface CollectionState {
  status: 'loading' | 'ready' | 'error'
  error: unknown
  /** In order. The same array until an id comes, goes or moves. */
  ids: readonly string[]
  /** How many there are at the daemon, which can be more than were fetched. */
  total: number
  /** Nothing is left at the daemon that was not fetched. */
  isWhole: boolean
}

type Stamped = { last_updated: string }

const EVENTS = ['created', 'updated', 'patched', 'removed'] as const
const PAGE_SIZE = 500
const MOST = 20_000
// Computed when a record is read, and absent from events.
const COMPUTED = ['short_id', 'tasks', 'children', 'sessions', 'worktrees'] as const

/**
 * Listens first, then fetches, so that nothing falls between; of two versions the newer by `last_updated` stays. What is
 * heard is taken in with the next step of `soon`, or before anything else is: in order, and told of once.
 *
 * After a reconnect that lost events it fetches again and drops what is gone. Open while somebody looks: `open()` returns
 * the function that closes it, and the last one out ends the listening.
 */
export class LiveCollection<T extends Stamped> {
  private records = new Map<string, T>()
  private tombstones = new Set<string>()
  private state: CollectionState = { status: 'loading', error: null, ids: [], total: 0, isWhole: false }
  private listeners = new Listeners()
  private anyListeners = new Set<() => void>()
  /** What events brought and was not taken in yet, in order. */
  private heard: (() => void)[] = []
  /** Changed since listeners were told. */
  private changed = new Set<string>()
  /** How many more there are at the daemon since listeners were told. */
  private gained = 0
  /** What events brought since the fetch began: newer than its answer. */
  private touched = new Set<string>()
  /** What events moved elsewhere while something was being fetched, and when: a fetched copy from before is too old. */
  private left = new Map<string, string>()
  private fetching = 0
  private isFetched = false
  private refreshing: Promise<void> | null = null
  private fetchingMore: Promise<void> | null = null
  /** The last record of a window. */
  private last: T | null = null
  private viewers = 0
  private stopListening: (() => void) | null = null

  constructor(
    private readonly source: RecordSource<T>,
    private readonly connection: Reconnects,
    private readonly soon: Soon,
    private readonly options: CollectionOptions<T>,
  ) {}

  open(): () => void {
    if (this.viewers++ === 0) this.start()
    let isOpen = true
    return () => {
      if (isOpen && --this.viewers === 0) this.stop()
      isOpen = false
    }
  }

  snapshot = (): CollectionState => this.state

  /** Grows with every change of any record. */
  version = 0

  get = (id: string): T | undefined => this.records.get(id)

  /** All records, in order. */
  list(): T[] {
    return this.state.ids.map((id) => this.records.get(id)!)
  }

  /** Called when ids or the state change, not when a record does. */
  subscribe = (listener: () => void): (() => void) => this.listeners.toList(listener)

  subscribeTo(id: string, listener: () => void): () => void {
    return this.listeners.toOne(id, listener)
  }

  /** Called whenever anything here changes. */
  subscribeToAll(listener: () => void): () => void {
    this.anyListeners.add(listener)
    return () => this.anyListeners.delete(listener)
  }

  /** Take in a record that a call answered with, without waiting for its event. */
  merge(record: T): void {
    this.takeInHeard()
    this.onEvent(record)
    this.publish()
  }

  /** Fetch everything again, or as much of a window as there was. */
  refresh = (): Promise<void> => (this.refreshing = this.fetchAgain())

  private async fetchAgain(): Promise<void> {
    const turn = ++this.fetching
    this.takeInHeard()
    this.isFetched = false
    this.touched = new Set()
    this.left = new Map()
    if (this.state.status === 'error') this.publish({ status: 'loading', error: null })
    try {
      const seen = await this.fetchPages(turn)
      if (turn !== this.fetching) return
      if (seen) for (const id of this.records.keys()) if (!seen.has(id) && !this.touched.has(id)) this.delete(id)
      this.isFetched = true
      this.publish({ status: 'ready', error: null })
    } catch (error) {
      if (turn !== this.fetching) return
      // The next connect fetches again; until then what is known is still worth showing.
      if (isConnectionLoss(error)) return
      this.publish({ status: 'error', error })
    }
  }

  /** Fetch up to `count` records that come after a window's last. Rejects with what kept it from that. */
  more = (count: number): Promise<void> =>
    (this.fetchingMore ??= this.fetchMore(count).finally(() => (this.fetchingMore = null)))

  private async fetchMore($limit: number): Promise<void> {
    this.takeInHeard() // it was heard while nothing more was on its way
    await this.refreshing
    const { query, window } = this.options
    if (!window || this.state.isWhole) return
    if (!this.isFetched || !this.last) throw new Error('Not connected.')
    const turn = this.fetching
    const page = await this.source.find({ query: { ...query, ...window.after(this.last), $limit } })
    if (turn !== this.fetching) return
    this.take(page)
    this.publish({ isWhole: isLastOf(page) })
  }

  private start(): void {
    const hearing =
      (takeIn: (record: T) => void) =>
      (record: T): void => {
        this.heard.push(() => takeIn(record))
        this.soon(this.takeInHeard)
      }
    const put = hearing((record) => this.onEvent(record))
    const change = hearing((record) => this.isBeyond(record) || this.onEvent(record))
    const remove = hearing((record) => this.onRemoved(record))
    const listeners = { created: put, updated: change, patched: change, removed: remove }
    for (const event of EVENTS) this.source.on(event, listeners[event])
    const forget = this.connection.onConnect((recovered) => {
      if (!recovered || !this.isFetched) void this.refresh()
    })
    this.stopListening = () => {
      for (const event of EVENTS) this.source.off(event, listeners[event])
      forget()
    }
    void this.refresh()
  }

  private stop(): void {
    this.stopListening?.()
    this.stopListening = null
    this.fetching++
  }

  /** The ids that were there, or null when the fetch was overtaken or left some out. */
  private async fetchPages(turn: number): Promise<Set<string> | null> {
    const { query, id, pageSize = PAGE_SIZE, most = MOST, window } = this.options
    const wanted = window ? Math.max(window.first, this.records.size) : most
    const seen = new Set<string>()
    for (let skip = 0; ;) {
      const $limit = Math.min(pageSize, wanted - skip)
      const page = await this.source.find({ query: { ...query, $limit, $skip: skip } })
      if (turn !== this.fetching) return null
      for (const record of page.data) seen.add(String(record[id]))
      this.take(page)
      skip += page.data.length
      const isWhole = isLastOf(page)
      const isLast = isWhole || (window !== undefined && skip >= wanted)
      this.publish({ total: page.total, isWhole, ...(isLast ? {} : { status: 'ready' as const }) })
      if (isLast) return seen
      if (skip >= wanted) return null
    }
  }

  private takeInHeard = (): void => {
    const heard = this.heard
    if (heard.length === 0) return
    this.heard = []
    for (const takeIn of heard) takeIn()
    this.publish()
  }

  private onEvent(record: T): void {
    const id = String(record[this.options.id])
    this.touched.add(id)
    if (this.options.matches && !this.options.matches(record)) {
      if (!this.isFetched || this.fetchingMore) this.left.set(id, record.last_updated)
      if (this.records.has(id) && !this.isOlder(record)) {
        this.delete(id)
        this.gained--
      }
      return
    }
    const isNew = !this.records.has(id) && !this.tombstones.has(id)
    this.put(record)
    if (isNew && this.isFetched) this.gained++
    if ((record as { truncated?: boolean }).truncated) void this.complete(id)
  }

  private onRemoved(record: T): void {
    const id = String(record[this.options.id])
    this.tombstones.add(id)
    if (!this.records.has(id)) return
    this.delete(id)
    this.gained--
  }

  /** Fetch what an event left out because of its size. */
  private async complete(id: string): Promise<void> {
    try {
      const whole = await this.source.get(id)
      if (this.stopListening) this.merge(whole)
    } catch {
      // Removed meanwhile, which an event says, or the connection dropped, after which all is fetched again.
    }
  }

  /** Changed, but not fetched yet: it belongs to what `more` will bring. */
  private isBeyond(record: T): boolean {
    const isKnown = this.records.has(String(record[this.options.id]))
    const isWaiting = this.isFetched && !this.fetchingMore && !this.state.isWhole
    return this.options.window !== undefined && isWaiting && !isKnown
  }

  private isOlder(record: T): boolean {
    const known = this.records.get(String(record[this.options.id]))
    return known !== undefined && record.last_updated < known.last_updated
  }

  private take(page: Page<T>): void {
    this.takeInHeard()
    for (const record of page.data) this.put(record)
    this.last = page.data.at(-1) ?? this.last
  }

  private put(record: T): void {
    const id = String(record[this.options.id])
    if (this.tombstones.has(id) || this.isOlder(record) || record.last_updated < (this.left.get(id) ?? '')) return
    const known = this.records.get(id)
    this.records.set(id, known ? withComputed(record, known) : record)
    this.changed.add(id)
  }

  private delete(id: string): void {
    this.records.delete(id)
    this.changed.add(id)
  }

  private publish(fetched: Partial<CollectionState> = {}): void {
    const { changed, gained } = this
    this.changed = new Set()
    this.gained = 0
    const change = { total: Math.max(0, this.state.total + gained), ...fetched }
    const ids = changed.size > 0 ? this.sortedIds() : this.state.ids
    const isSame =
      ids === this.state.ids &&
      Object.entries(change).every(([key, value]) => this.state[key as keyof CollectionState] === value)
    if (!isSame || changed.size > 0) this.version++
    if (!isSame) {
      this.state = { ...this.state, ...change, ids }
      this.listeners.tellList()
    }
    for (const id of changed) this.listeners.tellOne(id)
    if (isSame && changed.size === 0) return
    for (const listener of [...this.anyListeners]) listener()
  }

  private sortedIds(): readonly string[] {
    const ids = [...this.records.values()].sort(this.options.order).map((record) => String(record[this.options.id]))
    const before = this.state.ids
    return ids.length === before.length && ids.every((id, place) => id === before[place]) ? before : ids
  }
}

const isLastOf = (page: Page<unknown>): boolean => page.data.length === 0 || page.skip + page.data.length >= page.total

function withComputed<T extends object>(record: T, known: T): T {
  const kept: Record<string, unknown> = {}
  for (const field of COMPUTED) {
    if (!(field in record) && field in known) kept[field] = (known as Record<string, unknown>)[field]
  }
  return { ...kept, ...record }
}
