import { beforeEach, describe, expect, it } from 'vitest'
import type { PartialMessage } from '../contract/client'
import { SessionStreams } from './streams'
import { FakeConnection, FakeService, settled } from './testing'

const ids = { message_id: 'm', session_id: 's', message_index: 4, parent_tool_use_id: null }
const partialOf = (text: string, chunks: number): PartialMessage => ({
  ...ids,
  task_id: 't',
  text,
  thinking: '',
  chunks,
  thinking_chunks: 0,
})

let service: FakeService
let connection: FakeConnection
let soFar: () => Promise<PartialMessage[]>
let streams: SessionStreams
let close: () => void

beforeEach(() => {
  service = new FakeService()
  connection = new FakeConnection()
  soFar = () => Promise.resolve([])
  const source = {
    on: (event: string, listener: (payload: never) => void) => service.on(event, listener as never),
    off: (event: string, listener: (payload: never) => void) => service.off(event, listener as never),
    soFar: () => soFar(),
  }
  streams = new SessionStreams('s', source, connection, (step) => step())
  close = streams.open()
})

/** As somebody who closes the conversation and opens it again. */
const reopen = (): void => {
  close()
  close = streams.open()
}
const say = (index: number, chunk: string): void => service.emit('streaming:chunk', { ...ids, index, chunk })

describe('the streams of a session', () => {
  it('grow piece by piece until the finished message comes', () => {
    service.emit('streaming:start', ids)
    say(0, 'Hel')
    say(1, 'lo')
    expect(streams.snapshot()).toEqual(['m'])
    expect(streams.get('m')!.text.text).toBe('Hello')
    service.emit('created', { message_id: 'm', session_id: 's' })
    expect(streams.snapshot()).toEqual([])
  })

  it('leave other sessions alone', () => {
    service.emit('streaming:start', { ...ids, session_id: 'other' })
    expect(streams.snapshot()).toEqual([])
  })

  it('ask for the text so far where a piece is missing', async () => {
    soFar = () => Promise.resolve([partialOf('abc', 3)])
    say(2, 'c')
    await settled()
    say(3, 'd')
    expect(streams.get('m')!.text.text).toBe('abcd')
  })

  it('show at once what was said before anybody listened, and go on from there', async () => {
    let answer: (partials: PartialMessage[]) => void = () => undefined
    soFar = () => new Promise((resolve) => (answer = resolve))
    reopen()
    say(3, 'd') // after the daemon answered, and heard before that
    say(4, 'e')
    answer([partialOf('abc', 3)])
    await settled()
    expect(streams.get('m')!.text.text).toBe('abcde')
    say(4, 'e')
    say(5, 'f')
    expect(streams.get('m')!.text.text).toBe('abcdef')
  })

  it('ask once more where the answer does not reach to the pieces that were heard', async () => {
    const answers = [[partialOf('a', 1)], [partialOf('abc', 3)]]
    soFar = () => Promise.resolve(answers.shift()!)
    say(3, 'd')
    await settled()
    expect(streams.get('m')!.text.text).toBe('abcd')
    expect(answers).toEqual([])
  })

  it('do not bring back a message that was finished while the answer was on its way', async () => {
    soFar = () => Promise.resolve([partialOf('abc', 3)])
    reopen()
    service.emit('created', { message_id: 'm', session_id: 's' })
    await settled()
    expect(streams.snapshot()).toEqual([])
  })

  it('keep a message that began while the answer was on its way', async () => {
    reopen()
    service.emit('streaming:start', ids)
    await settled()
    expect(streams.snapshot()).toEqual(['m'])
  })

  it('forget a message that turns out to be finished', async () => {
    service.emit('streaming:start', ids)
    say(5, 'late')
    await settled()
    expect(streams.snapshot()).toEqual([])
    say(6, 'later still')
    expect(streams.snapshot()).toEqual([])
  })

  it('ask again after the connection dropped, since pieces are not replayed', async () => {
    say(0, 'a')
    soFar = () => Promise.resolve([partialOf('abcdef', 6)])
    connection.connect(true)
    await settled()
    expect(streams.get('m')!.text.text).toBe('abcdef')
  })

  it('stand in the order of their messages', () => {
    service.emit('streaming:start', { ...ids, message_id: 'second', message_index: 9 })
    service.emit('streaming:start', { ...ids, message_id: 'first', message_index: 8 })
    expect(streams.snapshot()).toEqual(['first', 'second'])
  })
})
