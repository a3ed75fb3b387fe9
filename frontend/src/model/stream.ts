/** A message while it is being said: pieces that arrive in order, or with a hole when some were shed. */
import type { PartialMessage } from '../contract/client'

type Piece = Pick<Chunk, 'index' | 'chunk'>

/** One of the two texts of a streaming message, of which the first `chunks` pieces are known. */
interface Flow {
  text: string
  chunks: number
  /** Pieces from beyond a hole, in order: they follow once it is filled. */
  early: readonly Piece[]
}

export interface StreamedMessage {
  message_id: string
  session_id: string
  message_index: number
  parent_tool_use_id: string | null
  text: Flow
  thinking: Flow
  /** What made the daemon break it off. */
  error: string | null
}

export interface Chunk {
  message_id: string
  session_id: string
  message_index: number
  parent_tool_use_id?: string | null
  index: number
  chunk: string
}

type Announced = Pick<Chunk, 'message_id' | 'session_id' | 'message_index' | 'parent_tool_use_id'>

const NOTHING: Flow = { text: '', chunks: 0, early: [] }

/** A message of which nothing was said yet. */
export function startStream(start: Announced): StreamedMessage {
  return {
    message_id: start.message_id,
    session_id: start.session_id,
    message_index: start.message_index,
    parent_tool_use_id: start.parent_tool_use_id ?? null,
    text: NOTHING,
    thinking: NOTHING,
    error: null,
  }
}

/** A piece is missing: what follows it waits until the text so far was fetched. */
export function hasHole({ text, thinking }: StreamedMessage): boolean {
  return text.early.length > 0 || thinking.early.length > 0
}

/** The message with one more piece. One that was heard before changes nothing; one too early makes a hole. */
export function addChunk(message: StreamedMessage, kind: 'text' | 'thinking', piece: Piece): StreamedMessage {
  const flow = message[kind]
  if (piece.index < flow.chunks) return message
  return { ...message, [kind]: joined(flow, [...flow.early, piece]) }
}

/** The message after the text so far was fetched; what is known already beyond it stays, and follows. */
export function heal(message: StreamedMessage, partial: PartialMessage): StreamedMessage {
  return {
    ...message,
    text: healed(message.text, partial.text, partial.chunks),
    thinking: healed(message.thinking, partial.thinking, partial.thinking_chunks),
  }
}

const healed = (flow: Flow, text: string, chunks: number): Flow =>
  joined(chunks > flow.chunks ? { text, chunks } : flow, flow.early)

/** What is known, and of the pieces those that follow without a hole. */
function joined({ text, chunks }: Omit<Flow, 'early'>, pieces: readonly Piece[]): Flow {
  const left = pieces.filter((piece) => piece.index >= chunks)
  const follow = left.findIndex((piece, place) => piece.index !== chunks + place)
  const next = follow < 0 ? left : left.slice(0, follow)
  return {
    text: text + next.map((piece) => piece.chunk).join(''),
    chunks: chunks + next.length,
    early: left.slice(next.length),
  }
}
