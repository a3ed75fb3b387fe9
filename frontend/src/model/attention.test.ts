import { describe, expect, it } from 'vitest'
import type { PermissionRequest } from '../contract/records'
import { attention, attentionWords, type EndedTask, type NamedSession } from './attention'

const at = (minute: number): string => `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`
const session = (id: string): NamedSession => ({
  session_id: id,
  title: id,
  description: null,
  agent: 'scripted',
  status: 'idle',
  last_updated: at(0),
})
const task = (sessionId: string, status: EndedTask['status'], ended: number | null, made = 0): EndedTask => ({
  task_id: `${sessionId}-${status}-${ended}`,
  session_id: sessionId,
  status,
  started_at: at(made),
  completed_at: ended === null ? null : at(ended),
  created_at: at(made),
  description: 'do it',
  error: null,
})
const never = (): string | null => null
const names = (outcomes: { session: NamedSession }[]): string[] => outcomes.map((each) => each.session.session_id)

describe('what needs attention', () => {
  it('is failures and finished runs, the newest first', () => {
    const tasks = [task('a', 'completed', 1), task('b', 'failed', 2), task('c', 'completed', 3)]
    const found = attention([], tasks, ['a', 'b', 'c'].map(session), never)
    expect(names(found.failed)).toEqual(['b'])
    expect(names(found.finished)).toEqual(['c', 'a'])
    expect(found.waiting).toBe(1)
  })

  it('is only the last run of a session, and none while one goes on', () => {
    const tasks = [
      task('a', 'failed', 1),
      task('a', 'completed', 2),
      task('b', 'failed', 1),
      task('b', 'running', null),
    ]
    const found = attention([], tasks, ['a', 'b'].map(session), never)
    expect(names(found.failed)).toEqual([])
    expect(names(found.finished)).toEqual(['a'])
  })

  it('is not what a person stopped, has seen since, or imported', () => {
    const tasks = [task('a', 'stopped', 1), task('b', 'completed', 2), task('c', 'completed', 1, 5)]
    const found = attention([], tasks, ['a', 'b', 'c'].map(session), (id) => (id === 'b' ? at(2) : null))
    expect(found).toMatchObject({ failed: [], finished: [], waiting: 0 })
  })

  it('is again when a session that was looked at runs once more', () => {
    const tasks = [task('a', 'completed', 1), task('a', 'failed', 4)]
    expect(names(attention([], tasks, [session('a')], () => at(3)).failed)).toEqual(['a'])
  })

  it('is nothing of sessions that are archived or gone', () => {
    expect(attention([], [task('a', 'failed', 1)], [], never).waiting).toBe(0)
  })

  it('is told in words', () => {
    const questions = [{}, {}] as PermissionRequest[]
    const found = attention(questions, [task('a', 'failed', 1)], [session('a')], never)
    expect(attentionWords(found)).toBe('2 questions, 1 failure')
    expect(attentionWords(attention([], [], [], never))).toBe('nothing')
    expect(attentionWords(attention([], [task('a', 'completed', 1)], [session('a')], never))).toBe(
      'nothing; 1 finished',
    )
  })
})
