import { describe, expect, it } from 'vitest'
import { addChunk, type Chunk, heal, startStream } from './stream'

const ids = { message_id: 'm', session_id: 's', message_index: 3 }
const chunk = (index: number, text: string): Chunk => ({ ...ids, index, chunk: text })

describe('a streaming message', () => {
  it('grows with each piece, and by each only once', () => {
    let stream = startStream(ids)
    for (const piece of [chunk(0, 'a'), chunk(1, 'b'), chunk(1, 'b'), chunk(2, 'c')])
      stream = addChunk(stream, 'text', piece)
    expect(stream.text).toEqual({ text: 'abc', chunks: 3 })
    expect(stream.hasHole).toBe(false)
  })

  it('never shows text with a hole in it', () => {
    const stream = addChunk(addChunk(startStream(ids), 'text', chunk(0, 'a')), 'text', chunk(2, 'c'))
    expect(stream.text.text).toBe('a')
    expect(stream.hasHole).toBe(true)
  })

  it('goes on after the text so far was fetched', () => {
    const partial = {
      ...ids,
      task_id: null,
      parent_tool_use_id: null,
      text: 'abc',
      thinking: 'hm',
      chunks: 3,
      thinking_chunks: 1,
    }
    let stream = addChunk(startStream(ids), 'text', chunk(2, 'c'))
    stream = addChunk(heal(stream, partial), 'text', chunk(3, 'd'))
    expect(stream.text.text).toBe('abcd')
    expect(stream.thinking.text).toBe('hm')
    expect(stream.hasHole).toBe(false)
  })

  it('does not go back when the fetched text is older than what is known', () => {
    const partial = {
      ...ids,
      task_id: null,
      parent_tool_use_id: null,
      text: 'a',
      thinking: '',
      chunks: 1,
      thinking_chunks: 0,
    }
    const stream = addChunk(addChunk(startStream(ids), 'text', chunk(0, 'a')), 'text', chunk(1, 'b'))
    expect(heal(stream, partial).text.text).toBe('ab')
  })
})
