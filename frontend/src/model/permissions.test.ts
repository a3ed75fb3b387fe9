import { describe, expect, it } from 'vitest'
import { editedInput, inputText, rulesIn } from './permissions'

it('reads rules as they are written, one a line', () => {
  expect(rulesIn(' Bash(npm test *) \n\nEdit(./**)\n')).toEqual(['Bash(npm test *)', 'Edit(./**)'])
})

describe('an edited input', () => {
  it('keeps what was not shown of a command', () => {
    const input = { command: 'rm -rf build', timeout: 5 }
    expect(inputText(input)).toBe('rm -rf build')
    expect(editedInput(input, 'rm -r build')).toEqual({ command: 'rm -r build', timeout: 5 })
  })

  it('is JSON for every other tool', () => {
    const input = { path: 'a.md', content: 'x' }
    expect(editedInput(input, '{"path": "b.md", "content": "x"}')).toEqual({ path: 'b.md', content: 'x' })
  })

  it('is none where nothing was changed', () => {
    expect(editedInput({ a: 1 }, inputText({ a: 1 }))).toBeNull()
  })

  it.each(['{"path":', '[]', '"text"', 'null'])('%s is refused with a word', (edited) => {
    expect(() => editedInput({ path: 'a' }, edited)).toThrow(/JSON/)
  })

  it('is refused when it is an empty command', () => {
    expect(() => editedInput({ command: 'ls' }, ' ')).toThrow('empty')
  })
})
