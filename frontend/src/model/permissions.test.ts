import { describe, expect, it } from 'vitest'
import { editedInput, inputText, lastingRules } from './permissions'

describe('what a lasting yes allows', () => {
  it('is what Claude Code suggested: rules with their pattern, a mode, a folder', () => {
    const suggestions = [
      { type: 'addRules', rules: [{ toolName: 'Bash', ruleContent: 'npm test:*' }], behavior: 'allow' },
      { type: 'setMode', mode: 'acceptEdits', destination: 'session' },
      { type: 'addDirectories', directories: ['/srv/data'] },
    ]
    expect(lastingRules('Bash', suggestions)).toEqual(['Bash(npm test:*)', 'all edits of files', 'work in /srv/data'])
  })

  it('is the option an ACP agent offers, in its words', () => {
    expect(lastingRules('edit', [{ option_id: 'a', name: 'Always allow edits', kind: 'allow_always' }])).toEqual([
      'Always allow edits',
    ])
  })

  it('is every use of the tool where nothing, nonsense or only a ban was suggested', () => {
    expect(lastingRules('Write', [])).toEqual(['every use of Write'])
    expect(lastingRules('Write', [null, 7, { rules: [{ toolName: 'Read' }], behavior: 'deny' }])).toEqual([
      'every use of Write',
    ])
    expect(lastingRules('Write', [{ tool: 'Write' }, { tool: 'Write' }])).toEqual(['every use of Write'])
  })
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
