import { describe, expect, it } from 'vitest'
import { markdownBlocks } from './markdownBlocks'

describe('markdownBlocks', () => {
  it('cuts at blank lines', () => {
    expect(markdownBlocks('one\nstill one\n\ntwo\n\n\n# three\n')).toEqual(['one\nstill one', 'two', '# three'])
  })

  it('keeps a fence whole, also while it is still open', () => {
    const code = '```py\na = 1\n\nb = 2\n```'
    expect(markdownBlocks(`before\n\n${code}\n\nafter`)).toEqual(['before', code, 'after'])
    expect(markdownBlocks('```\na\n\nb')).toEqual(['```\na\n\nb'])
  })

  it('keeps a list with blank lines whole, so that its numbers go on', () => {
    expect(markdownBlocks('1. a\n\n2. b\n\nend')).toEqual(['1. a\n\n2. b', 'end'])
  })

  it('changes only the last block as text is added at the end', () => {
    const before = markdownBlocks('one\n\ntwo\n\nthr')
    const after = markdownBlocks('one\n\ntwo\n\nthree and more')
    expect(after.slice(0, -1)).toEqual(before.slice(0, -1))
  })

  it('has nothing for nothing', () => {
    expect(markdownBlocks('\n \n')).toEqual([])
  })
})
