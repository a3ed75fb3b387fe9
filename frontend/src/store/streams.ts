/** What agents are saying in one session at this moment. */
import type { Message } from '../contract/records'
import type { PartialMessage } from '../contract/client'
import { addChunk, type Chunk, heal, startStream, type StreamedMessage } from '../model/stream'
import { Listeners } from './listeners'
import type { Reconnects } from './liveCollection'
import { Pace } from './pace'

/** The `messages` service, as far as streams need it. */
export interface StreamSource {
  on(event: string, listener: (payload: never) => void): unknown
  off(event: string, listener: (payload: never) => void): unknown
  /** The text so far. Rejects when the message does not stream any more. */
  partial(messageId: string): Promise<PartialMessage>
}

/**
 * Streaming messages of a session, until the finished ones come.
 *
 * Pieces may be lost on the way: a hole in their numbers, or a start that was missed, makes this ask for the text so far.
 * They may come faster than a slow page draws them: then it is told of several at a time.
 */
export class SessionStreams {
  private streams = new Map<string, StreamedMessage>()
  private finished = new Set<string>()
  private healing = new Set<string>()
  private ids: readonly string[] = []
  private listeners = new Listeners()
  private viewers = 0
  private stopListening: (() => void) | null = null
  /** Grown since those who show them were told. */
  private grown = new Set<string>()
  private readonly pace = new Pace(() => this.tellGrown())

  constructor(
    private readonly sessionId: string,
    private readonly source: StreamSource,
    private readonly connection: Reconnects,
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
    const forget = this.connection.onConnect(() => {
      for (const id of this.streams.keys()) void this.fill(id)
    })
    this.stopListening = () => {
      for (const [event, listener] of Object.entries(listeners)) this.source.off(event, listener)
      forget()
    }
  }

  private stop(): void {
    this.stopListening?.()
    this.stopListening = null
    this.streams.clear()
    this.publish()
  }

  private hear(told: Omit<Chunk, 'index' | 'chunk'>, change: (stream: StreamedMessage) => StreamedMessage): void {
    if (told.session_id !== this.sessionId || this.finished.has(told.message_id)) return
    const changed = change(this.streams.get(told.message_id) ?? startStream(told))
    this.put(changed)
    if (changed.hasHole) void this.fill(changed.message_id)
  }

  private finish(message: Message): void {
    if (message.session_id !== this.sessionId) return
    this.finished.add(message.message_id)
    this.drop(message.message_id)
  }

  private async fill(id: string): Promise<void> {
    if (this.healing.has(id)) return
    this.healing.add(id)
    try {
      const partial = await this.source.partial(id)
      const stream = this.streams.get(id)
      if (stream) this.put(heal(stream, partial))
    } catch {
      // It ended meanwhile: the finished message is here or on its way.
      this.finished.add(id)
      this.drop(id)
    } finally {
      this.healing.delete(id)
    }
  }

  private put(stream: StreamedMessage): void {
    this.streams.set(stream.message_id, stream)
    this.grown.add(stream.message_id)
    this.publish()
    this.pace.ask()
  }

  private drop(id: string): void {
    if (!this.streams.delete(id)) return
    this.publish()
    this.listeners.tellOne(id)
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
