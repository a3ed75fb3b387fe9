import { expect, it } from 'vitest'
import { reportLines } from './worktreeReport'

it('says in lines what would be lost, and nothing of what is not in the way', () => {
  const report = {
    path: '/w/try-it',
    branch: 'try-it',
    changed: ['a.py'],
    changed_count: 1,
    untracked: [],
    untracked_count: 0,
    unpushed: 0,
    operation: 'merge',
    is_clean: false,
    lock_reason: 'busy',
  }
  expect(reportLines(report)).toEqual(['Changed: a.py', 'Half done: merge', 'lock reason: busy'])
})

it('cuts long lists and counts what it left out, also what the daemon did', () => {
  const many = Array.from({ length: 20 }, (_, n) => `f${n}`)
  expect(reportLines({ changed: many })).toEqual(['Changed: f0, f1, f2, f3, f4, f5, f6, f7 and 12 more'])
  expect(reportLines({ untracked: many, untracked_count: 500 })[0]).toContain('and 492 more')
})

it('survives a report that is none', () => {
  expect(reportLines('dirty')).toEqual([])
  expect(reportLines(null)).toEqual([])
})
