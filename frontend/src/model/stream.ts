/** A message while it is being said: pieces that arrive in order, or with a hole when some were shed. */
import type { PartialMessage } from '../contract/client'

/** One of the two texts of a streaming message, of which the first `chunks` pieces are known. */
interface Flow {
  text: string
  chunks: number
}

export interface StreamedMessage {
  message_id: string
  session_id: string
  message_index: number
  parent_tool_use_id: string | null
  text: Flow
  thinking: Flow
  /** A piece is missing: what follows is left out until the text so far was fetched. */
  hasHole: boolean
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

/** A message of which nothing was said yet. */
export function startStream(start: Announced): StreamedMessage {
  return {
    message_id: start.message_id,
    session_id: start.session_id,
    message_index: start.message_index,
    parent_tool_use_id: start.parent_tool_use_id ?? null,
    text: { text: '', chunks: 0 },
    thinking: { text: '', chunks: 0 },
    hasHole: false,
    error: null,
  }
}

/** The message with one more piece. One that was heard before changes nothing; one too early marks the hole. */
export function addChunk(message: StreamedMessage, kind: 'text' | 'thinking', chunk: Chunk): StreamedMessage {
  const flow = message[kind]
  if (chunk.index < flow.chunks) return message
  if (chunk.index > flow.chunks) return { ...message, hasHole: true }
  return { ...message, [kind]: { text: flow.text + chunk.chunk, chunks: flow.chunks + 1 } }
}

/** The message after the text so far was fetched; what is known already beyond it stays. */
export function heal(message: StreamedMessage, partial: PartialMessage): StreamedMessage {
  const text = partial.chunks > message.text.chunks ? { text: partial.text, chunks: partial.chunks } : message.text
  const thinking =
    partial.thinking_chunks > message.thinking.chunks
      ? { text: partial.thinking, chunks: partial.thinking_chunks }
      : message.thinking
  return { ...message, text, thinking, hasHole: false }
}
