/** What agents are saying in one session at this moment. */
import type { Message } from '../contract/records'
import type { PartialMessage } from '../contract/client'
import { addChunk, type Chunk, hasHole, heal, startStream, type StreamedMessage } from '../model/stream'
import { Listeners } from './listeners'
import type { Reconnects } from './liveCollection'
import { Pace } from './pace'
import type { Soon } from './turns'

/** The daemon's messages, as far as streams need them. */
export interface StreamSource {
  on(event: string, listener: (payload: never) => void): unknown
  off(event: string, listener: (payload: never) => void): unknown
  /** The texts so far of all messages of the session that stream now. */
  soFar(): Promise<PartialMessage[]>
}

/**
 * Streaming messages of a session, until the finished ones come.
 *
 * Who begins to listen in the middle asks for the text so far, and so does who hears of a hole in the numbers of pieces,
 * since they may be lost on the way. They may come faster than a slow page draws them: then it is told of several at a time.
 */
export class SessionStreams {
  private streams = new Map<string, StreamedMessage>()
  private finished = new Set<string>()
  /** Counts the times that the text so far was asked for; only the latest answer is of use. */
  private asked = 0
  private isAsking = false
  private ids: readonly string[] = []
  private listeners = new Listeners()
  private viewers = 0
  private stopListening: (() => void) | null = null
  /** Grown since those who show them were told. */
  private grown = new Set<string>()
  private readonly pace = new Pace(() => this.tellGrown())

  /** A finished message goes from here with the very step of `soon` that shows it in its place. */
  constructor(
    private readonly sessionId: string,
    private readonly source: StreamSource,
    private readonly connection: Reconnects,
    private readonly soon: Soon,
  ) {}

  open(): () => void {
    if (this.viewers++ === 0) this.start()
    let isOpen = true
    return () => {
      if (isOpen && --this.viewers === 0) this.stop()
      isOpen = false
    }
  }

  /** Ids of the messages that stream, in order. The same array until one comes or goes. */
  snapshot = (): readonly string[] => this.ids

  get = (id: string): StreamedMessage | undefined => this.streams.get(id)

  subscribe = (listener: () => void): (() => void) => this.listeners.toList(listener)

  subscribeTo(id: string, listener: () => void): () => void {
    return this.listeners.toOne(id, listener)
  }

  private start(): void {
    const listeners: Record<string, (payload: never) => void> = {
      'streaming:start': (start: Chunk) => this.hear(start, (stream) => stream),
      'streaming:chunk': (chunk: Chunk) => this.hear(chunk, (stream) => addChunk(stream, 'text', chunk)),
      'thinking:chunk': (chunk: Chunk) => this.hear(chunk, (stream) => addChunk(stream, 'thinking', chunk)),
      'streaming:error': (failure: Chunk & { error: string }) =>
        this.hear(failure, (stream) => ({ ...stream, error: failure.error })),
      created: (message: Message) => this.finish(message),
      patched: (message: Message) => this.finish(message),
    }
    for (const [event, listener] of Object.entries(listeners)) this.source.on(event, listener)
    // Chunks are not replayed: whatever streamed before the connection dropped is asked for again.
    const forget = this.connection.onConnect(() => void this.catchUp())
    this.stopListening = () => {
      for (const [event, listener] of Object.entries(listeners)) this.source.off(event, listener)
      forget()
    }
    void this.catchUp()
  }

  private stop(): void {
    this.stopListening?.()
    this.stopListening = null
    this.asked++
    this.streams.clear()
    this.publish()
  }

  private hear(told: Omit<Chunk, 'index' | 'chunk'>, change: (stream: StreamedMessage) => StreamedMessage): void {
    if (told.session_id !== this.sessionId || this.finished.has(told.message_id)) return
    const changed = change(this.streams.get(told.message_id) ?? startStream(told))
    this.put(changed)
    if (hasHole(changed) && !this.isAsking) void this.catchUp()
  }

  private finish(message: Message): void {
    if (message.session_id !== this.sessionId) return
    this.finished.add(message.message_id)
    this.soon(this.dropFinished)
  }

  /** Ask for the text so far of all that streams, until nothing is missing. */
  private async catchUp(): Promise<void> {
    const turn = ++this.asked
    const known = [...this.streams.keys()]
    this.isAsking = true
    try {
      const partials = await this.source.soFar()
      if (turn !== this.asked) return
      this.isAsking = false
      this.take(known, partials)
    } catch {
      // The connection dropped, and the next connect asks again; or the daemon could not say, and the next piece does.
      if (turn === this.asked) this.isAsking = false
    }
  }

  /** `known`: what streamed when this was asked for. */
  private take(known: readonly string[], partials: readonly PartialMessage[]): void {
    const streaming = new Map(partials.map((partial) => [partial.message_id, partial]))
    // It ended meanwhile: the finished message is here or on its way.
    for (const id of known) if (!streaming.has(id)) this.finished.add(id)
    for (const [id, partial] of streaming) {
      if (!this.finished.has(id)) this.put(heal(this.streams.get(id) ?? startStream(partial), partial))
    }
    this.dropFinished()
    if ([...this.streams.values()].some(hasHole)) void this.catchUp()
  }

  private put(stream: StreamedMessage): void {
    this.streams.set(stream.message_id, stream)
    this.grown.add(stream.message_id)
    this.publish()
    this.pace.ask()
  }

  private dropFinished = (): void => {
    const gone = [...this.streams.keys()].filter((id) => this.finished.has(id))
    for (const id of gone) this.streams.delete(id)
    this.publish()
    for (const id of gone) this.listeners.tellOne(id)
  }

  private tellGrown(): void {
    const grown = this.grown
    this.grown = new Set()
    for (const id of grown) this.listeners.tellOne(id)
  }

  private publish(): void {
    const ids = [...this.streams.values()]
      .sort((a, b) => a.message_index - b.message_index)
      .map((stream) => stream.message_id)
    if (ids.length !== this.ids.length || ids.some((id, place) => id !== this.ids[place])) {
      this.ids = ids
      this.listeners.tellList()
    }
  }
}
