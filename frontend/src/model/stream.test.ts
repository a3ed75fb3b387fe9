import { describe, expect, it } from 'vitest'
import { addChunk, type Chunk, hasHole, heal, startStream } from './stream'

const ids = { message_id: 'm', session_id: 's', message_index: 3 }
const chunk = (index: number, text: string): Chunk => ({ ...ids, index, chunk: text })

describe('a streaming message', () => {
  it('grows with each piece, and by each only once', () => {
    let stream = startStream(ids)
    for (const piece of [chunk(0, 'a'), chunk(1, 'b'), chunk(1, 'b'), chunk(2, 'c')])
      stream = addChunk(stream, 'text', piece)
    expect(stream.text).toEqual({ text: 'abc', chunks: 3, early: [] })
    expect(hasHole(stream)).toBe(false)
  })

  it('never shows text with a hole in it', () => {
    const stream = addChunk(addChunk(startStream(ids), 'text', chunk(0, 'a')), 'text', chunk(2, 'c'))
    expect(stream.text.text).toBe('a')
    expect(hasHole(stream)).toBe(true)
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
    expect(hasHole(stream)).toBe(false)
  })

  it('keeps the pieces from beyond a hole until it is filled', () => {
    const fetched = { ...ids, task_id: null, parent_tool_use_id: null, thinking: '', thinking_chunks: 0 }
    let stream = startStream(ids)
    for (const piece of [chunk(2, 'c'), chunk(3, 'd'), chunk(5, 'f')]) stream = addChunk(stream, 'text', piece)
    stream = heal(stream, { ...fetched, text: 'ab', chunks: 2 })
    expect(stream.text.text).toBe('abcd')
    expect(hasHole(stream)).toBe(true)
    stream = heal(stream, { ...fetched, text: 'abcde', chunks: 5 })
    expect(stream.text.text).toBe('abcdef')
    expect(hasHole(stream)).toBe(false)
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
