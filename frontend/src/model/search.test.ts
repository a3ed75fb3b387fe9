import { describe, expect, it } from 'vitest'
import { messageFilter, searchText, sessionFilter, titleInSnippet, withFilter } from './search'

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

describe('what narrows a search', () => {
  const now = Date.parse('2026-03-10T00:00:00.000Z')

  it('is who said it, and when', () => {
    expect(messageFilter({ who: 'user', when: '7' }, now)).toEqual({
      role: 'user',
      timestamp: { $gt: '2026-03-03T00:00:00.000Z' },
    })
    expect(messageFilter({}, now)).toEqual({})
    expect(sessionFilter({ who: 'user', when: '30' }, now)).toEqual({
      last_updated: { $gt: '2026-02-08T00:00:00.000Z' },
    })
  })

  it('may be two days and all between, or one end', () => {
    const start = new Date(2026, 2, 1).toISOString()
    const end = new Date(2026, 2, 4).toISOString()
    const between = { when: 'between', from: '2026-03-01', to: '2026-03-03' }
    expect(messageFilter(between, now)).toEqual({ timestamp: { $gte: start, $lt: end } })
    expect(sessionFilter({ when: 'between', to: '2026-03-03' }, now)).toEqual({ last_updated: { $lt: end } })
    expect(messageFilter({ when: 'between', from: '2026-0' }, now)).toEqual({})
    expect(messageFilter({ when: 'nonsense' }, now)).toEqual({})
  })

  it('is which sessions', () => {
    const filters = { board: 'b', repo: 'r', agent: 'a', session: 's', archived: 'yes' }
    expect(sessionFilter(filters, now)).toEqual({
      session_id: 's',
      board_id: 'b',
      'repo.repo_id': 'r',
      agent: 'a',
      archived: true,
    })
    expect(messageFilter(filters, now)).toEqual({
      session_id: 's',
      'session.board_id': 'b',
      'session.repo.repo_id': 'r',
      'session.agent': 'a',
      'session.archived': true,
    })
    expect(sessionFilter({ archived: 'no' }, now)).toEqual({ archived: false })
    expect(sessionFilter({ board: 'none' }, now)).toEqual({ board_id: null })
    expect(messageFilter({ board: 'none' }, now)).toEqual({ 'session.board_id': null })
  })

  it('is taken away by an empty value', () => {
    expect(withFilter({ who: 'user', agent: 'x' }, 'agent', '')).toEqual({ who: 'user' })
    expect(withFilter({}, 'agent', 'x')).toEqual({ agent: 'x' })
  })
})

describe('a passage', () => {
  const hit = [
    { text: 'add a ', is_match: false },
    { text: 'walnut', is_match: true },
    { text: ' tree', is_match: false },
  ]

  it('that is the title is that, with its marks', () => {
    expect(titleInSnippet('add a walnut tree', hit)).toEqual(hit)
  })

  it('that is the title, and the first prompt alike, is it once', () => {
    const twice = [hit[0]!, hit[1]!, { text: ' tree\nadd a ', is_match: false }, hit[1]!, hit[2]!]
    expect(titleInSnippet('add a walnut tree', twice)).toEqual(hit)
    expect(titleInSnippet('walnut', [hit[1]!, { text: '\n', is_match: false }, hit[1]!])).toEqual([hit[1]])
  })

  it('that says more is none', () => {
    expect(titleInSnippet('add a', hit)).toBeNull()
    expect(titleInSnippet('New session', hit)).toBeNull()
  })
})
