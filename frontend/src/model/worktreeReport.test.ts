import { expect, it } from 'vitest'
import { reportLines } from './worktreeReport'

it('says in lines what would be lost, and nothing of what is empty', () => {
  const report = {
    changed: ['a.py'],
    untracked: [{ path: 'b.txt' }],
    unpushed: 2,
    staged: [],
    merging: false,
    lock_reason: 'busy',
  }
  expect(reportLines(report)).toEqual([
    'Changed: a.py',
    'Not tracked: b.txt',
    'Commits nowhere else: 2',
    'lock reason: busy',
  ])
})

it('cuts long lists, and survives a report that is none', () => {
  const many = Array.from({ length: 20 }, (_, n) => `f${n}`)
  expect(reportLines({ changed: many })).toEqual(['Changed: f0, f1, f2, f3, f4, f5, f6, f7 and 12 more'])
  expect(reportLines('dirty')).toEqual([])
})
