import { describe, expect, it } from 'vitest'
import type { Message, Task } from '../contract/records'
import { type Conversation, placeOfMessage, type Row, transcriptRows } from './transcript'

const task = (id: string, given: object = {}): Task =>
  ({
    task_id: id,
    session_id: 's',
    status: 'completed',
    description: `do ${id}`,
    full_prompt: `do ${id}`,
    error: null,
    ...given,
  }) as unknown as Task
const message = (index: number, given: object): Message =>
  ({
    message_id: `m${index}`,
    session_id: 's',
    index,
    role: 'assistant',
    task_id: null,
    parent_tool_use_id: null,
    ...given,
  }) as unknown as Message
const say = (index: number, text: string, given: object = {}): Message =>
  message(index, { content: [{ type: 'text', text }], ...given })
const use = (index: number, id: string, given: object = {}): Message =>
  message(index, { content: [{ type: 'tool_use', id, name: 'Agent', input: {} }], ...given })
const result = (index: number, id: string, given: object = {}): Message =>
  message(index, { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'done' }], ...given })

const rowsOf = (given: Partial<Conversation>): Row[] =>
  transcriptRows({ sessionId: 's', tasks: [], messages: [], isWhole: true, streams: [], toggled: new Set(), ...given })
const kinds = (rows: Row[]): string[] =>
  rows.map((row) => (row.kind === 'message' ? `${row.key}@${row.depth}` : `${row.kind} ${row.key}`))

describe('transcriptRows', () => {
  it('puts each task over its messages, and its prompt there alone', () => {
    const rows = rowsOf({
      tasks: [task('t1'), task('t2')],
      messages: [
        say(0, 'do t1', { role: 'user', task_id: 't1' }),
        say(1, 'ok', { task_id: 't1' }),
        say(2, 'do t2', { role: 'user', task_id: 't2' }),
      ],
    })
    expect(kinds(rows)).toEqual(['task t1', 'm1@0', 'task t2'])
  })

  it('shows a running task that has said nothing yet, and none that waits its turn', () => {
    expect(kinds(rowsOf({ tasks: [task('t1', { status: 'running' }), task('t2', { status: 'created' })] }))).toEqual([
      'task t1',
    ])
  })

  it('shows a task that failed before a word was said where it was, between the others', () => {
    const tasks = [task('t1'), task('t2', { status: 'failed' }), task('t3')]
    const messages = [say(0, 'ok', { task_id: 't1' }), say(1, 'ok', { task_id: 't3' })]
    expect(kinds(rowsOf({ tasks, messages }))).toEqual(['task t1', 'm0@0', 'task t2', 'end end-t2', 'task t3', 'm1@0'])
  })

  it('shows no task of which the messages are still to be fetched', () => {
    const tasks = [task('t1'), task('t2'), task('t3', { status: 'running' })]
    const latest = [say(5, 'ok', { task_id: 't2' })]
    expect(kinds(rowsOf({ tasks, messages: latest, isWhole: false }))).toEqual(['task t2', 'm5@0', 'task t3'])
    const ofNone = [say(5, 'ok')]
    expect(kinds(rowsOf({ tasks, messages: ofNone, isWhole: false }))).toEqual(['m5@0', 'task t3'])
    const inherited = [say(5, 'ok', { session_id: 'parent' })]
    expect(kinds(rowsOf({ tasks: [task('t1')], messages: inherited, isWhole: false }))).toEqual([
      'inherited from-parent',
      'm5@0',
      'own own',
      'task t1',
    ])
  })

  it("sets a sub-agent's messages one step in, also while what started it is still to be fetched", () => {
    const messages = [say(7, 'found it', { parent_tool_use_id: 'u1' }), say(8, 'thanks')]
    expect(kinds(rowsOf({ messages, isWhole: false }))).toEqual(['m7@1', 'm8@0'])
  })

  it('ends a failed task with its error, after its last message', () => {
    const failed = task('t1', { status: 'failed', error: { kind: 'auth', message: 'no' } })
    expect(kinds(rowsOf({ tasks: [failed], messages: [say(0, 'hm', { task_id: 't1' })] }))).toEqual([
      'task t1',
      'm0@0',
      'end end-t1',
    ])
  })

  it('joins a tool use with its result, wherever that came', () => {
    const rows = rowsOf({ messages: [use(0, 'u'), say(1, 'meanwhile'), result(2, 'u')] })
    expect(kinds(rows)).toEqual(['m0@0', 'm1@0'])
    expect(rows[0]).toMatchObject({ parts: [{ type: 'tool', result: { text: 'done' } }] })
  })

  it('shows the result of a tool use that is not there by itself', () => {
    expect(kinds(rowsOf({ messages: [result(0, 'lost')] }))).toEqual(['m0@0'])
  })

  it('hides a finished sub-agent’s messages behind a row, and shows them one step in when asked', () => {
    const messages = [use(0, 'u'), say(1, 'in there', { parent_tool_use_id: 'u' }), result(2, 'u'), say(3, 'after')]
    expect(kinds(rowsOf({ messages }))).toEqual(['m0@0', 'subagent sub-u', 'm3@0'])
    expect(kinds(rowsOf({ messages, toggled: new Set(['u']) }))).toEqual(['m0@0', 'subagent sub-u', 'm1@1', 'm3@0'])
  })

  it('shows a sub-agent’s messages while it works', () => {
    const messages = [use(0, 'u', { task_id: 't1' }), say(1, 'in there', { parent_tool_use_id: 'u', task_id: 't1' })]
    expect(kinds(rowsOf({ tasks: [task('t1', { status: 'running' })], messages }))).toEqual([
      'task t1',
      'm0@0',
      'subagent sub-u',
      'm1@1',
    ])
  })

  it('marks what a fork inherited, and where its own part begins', () => {
    const rows = rowsOf({
      messages: [
        say(0, 'old', { session_id: 'grandparent' }),
        say(1, 'older', { session_id: 'parent' }),
        say(2, 'own'),
      ],
    })
    expect(kinds(rows)).toEqual([
      'inherited from-grandparent',
      'm0@0',
      'inherited from-parent',
      'm1@0',
      'own own',
      'm2@0',
    ])
    expect(rows.filter((row) => row.kind === 'message' && row.isInherited)).toHaveLength(2)
  })

  it('has what streams at the end', () => {
    const rows = rowsOf({
      tasks: [task('t1', { status: 'running' })],
      messages: [say(0, 'first', { task_id: 't1' })],
      streams: [{ message_id: 'm1', parent_tool_use_id: null }],
    })
    expect(kinds(rows)).toEqual(['task t1', 'm0@0', 'stream m1'])
  })

  it('has a key of its own for every row', () => {
    const messages = [say(0, 'a', { task_id: 't1' }), say(1, 'b', { task_id: 't2' }), say(2, 'c', { task_id: 't1' })]
    const keys = rowsOf({ tasks: [task('t1'), task('t2')], messages }).map((row) => row.key)
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('placeOfMessage', () => {
  const tasks = [task('t1')]
  const messages = [
    say(0, 'do t1', { role: 'user', task_id: 't1' }),
    use(1, 'u1', { task_id: 't1' }),
    say(2, 'inside', { parent_tool_use_id: 'u1', task_id: 't1' }),
    result(3, 'u1', { task_id: 't1' }),
    say(4, 'ok', { task_id: 't1' }),
  ]
  const seenAt = (index: number, toggled: string[] = []): string => {
    const rows = rowsOf({ tasks, messages, toggled: new Set(toggled) })
    return rows[placeOfMessage(rows, messages[index]!)]!.key
  }

  it('is its row, its task’s heading for a prompt, and the use of the tool for a result', () => {
    expect([seenAt(4), seenAt(0), seenAt(3)]).toEqual(['m4', 't1', 'm1'])
  })

  it('is the line that shows a sub-agent’s messages while those are hidden', () => {
    expect(seenAt(2)).toBe('sub-u1')
    expect(seenAt(2, ['u1'])).toBe('m2')
  })

  it('is nowhere while nothing of it is there', () => {
    expect(placeOfMessage(rowsOf({ tasks: [] }), say(9, 'elsewhere'))).toBe(-1)
  })
})
