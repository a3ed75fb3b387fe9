import { describe, expect, it } from 'vitest'
import { messageFilter, searchText, sessionFilter } from './search'

describe('what is searched for', () => {
  it.each([
    ['wal', 'wal*'],
    ['walnut tr', 'walnut tr*'],
    ['walnut ', 'walnut'],
    ['wal*', 'wal*'],
    ['"two words"', '"two words"'],
    ['"two wor', '"two wor"'],
    [' Größe', 'Größe*'],
  ])('%s becomes %s', (typed, expected) => {
    expect(searchText(typed)).toBe(expected)
  })

  it.each(['', '  ', '"', '*', '--'])('%o is nothing to look for', (typed) => {
    expect(searchText(typed)).toBeNull()
  })
})

it('filters by who said it, and when', () => {
  const now = Date.parse('2026-03-10T00:00:00.000Z')
  expect(messageFilter({ who: 'user', days: '7' }, now)).toEqual({
    role: 'user',
    timestamp: { $gt: '2026-03-03T00:00:00.000Z' },
  })
  expect(messageFilter({ who: 'anybody', days: 'ever' }, now)).toEqual({})
  expect(sessionFilter({ who: 'user', days: '30' }, now)).toEqual({ last_updated: { $gt: '2026-02-08T00:00:00.000Z' } })
})
