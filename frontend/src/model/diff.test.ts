import { describe, expect, it } from 'vitest'
import { lineDiff, patchLines } from './diff'

const shown = (before: string, after: string) =>
  lineDiff(before, after).map(({ kind, text }) => `${{ same: ' ', added: '+', removed: '-', hunk: '@' }[kind]}${text}`)

describe('lineDiff', () => {
  it('marks only the lines that changed', () => {
    expect(shown('a\nb\nc\n', 'a\nx\nc\n')).toEqual([' a', '-b', '+x', ' c'])
  })

  it('shows a new file as added and an emptied one as removed', () => {
    expect(shown('', 'a\nb')).toEqual(['+a', '+b'])
    expect(shown('a', '')).toEqual(['-a'])
  })

  it('keeps common lines in the middle of two changes', () => {
    expect(shown('1\nkeep\n2', '3\nkeep\n4')).toEqual(['-1', '+3', ' keep', '-2', '+4'])
  })

  it('finds what repeats at both ends only once', () => {
    expect(shown('a\na', 'a')).toEqual([' a', '-a'])
  })

  it('gives up on pairing where it would take too long', () => {
    const before = Array.from({ length: 1500 }, (_, n) => `old ${n}`).join('\n')
    const after = Array.from({ length: 1500 }, (_, n) => `new ${n}`).join('\n')
    expect(lineDiff(before, after)).toHaveLength(3000)
  })
})

describe('patchLines', () => {
  it('leaves out the header and keeps hunks', () => {
    const patch = 'diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n'
    expect(patchLines(patch).map(({ kind, text }) => [kind, text])).toEqual([
      ['hunk', '@@ -1,2 +1,2 @@'],
      ['same', 'same'],
      ['removed', 'old'],
      ['added', 'new'],
    ])
  })

  it('keeps lines that look like a header, and tells a missing end of line from a line', () => {
    const patch = '--- a/f\n+++ b/f\n@@ -1,2 +1 @@\n--- a comment\n-index 1\n+++ i\n\\ No newline at end of file\n'
    expect(patchLines(patch).map(({ kind, text }) => [kind, text])).toEqual([
      ['hunk', '@@ -1,2 +1 @@'],
      ['removed', '-- a comment'],
      ['removed', 'index 1'],
      ['added', '++ i'],
      ['hunk', 'No newline at end of file'],
    ])
  })

  it('is empty where only the name or the mode differs', () => {
    expect(patchLines('diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n')).toEqual([])
  })
})
