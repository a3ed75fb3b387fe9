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
let partial: () => Promise<PartialMessage>
let streams: SessionStreams

beforeEach(() => {
  service = new FakeService()
  connection = new FakeConnection()
  partial = () => Promise.reject(new Error('not streaming'))
  const source = {
    on: (event: string, listener: (payload: never) => void) => service.on(event, listener as never),
    off: (event: string, listener: (payload: never) => void) => service.off(event, listener as never),
    partial: () => partial(),
  }
  streams = new SessionStreams('s', source, connection)
  streams.open()
})

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
    partial = () => Promise.resolve(partialOf('abc', 3))
    say(2, 'c')
    await settled()
    say(3, 'd')
    expect(streams.get('m')!.text.text).toBe('abcd')
  })

  it('forget a message that turns out to be finished', async () => {
    say(5, 'late')
    await settled()
    expect(streams.snapshot()).toEqual([])
    say(6, 'later still')
    expect(streams.snapshot()).toEqual([])
  })

  it('ask again after the connection dropped, since pieces are not replayed', async () => {
    say(0, 'a')
    partial = () => Promise.resolve(partialOf('abcdef', 6))
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
