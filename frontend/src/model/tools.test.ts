import { expect, it } from 'vitest'
import { editsOf, toolSummary } from './tools'

it('sums a tool use up by the input that says most, in one line', () => {
  expect(toolSummary({ timeout: 5, command: 'ls -l\npwd' })).toBe('ls -l')
  expect(toolSummary({ x: 1 })).toBe('{"x":1}')
  expect(toolSummary({})).toBe('')
  expect(toolSummary({ command: 'x'.repeat(500) })).toHaveLength(140)
})

it('knows what the editing tools change, and that others change nothing it can show', () => {
  expect(editsOf('Edit', { file_path: '/a', old_string: 'x', new_string: 'y' })).toEqual([
    { path: '/a', before: 'x', after: 'y' },
  ])
  expect(editsOf('Edit', { path: 'a', old: 'x', new: 'y' })).toEqual([{ path: 'a', before: 'x', after: 'y' }])
  expect(editsOf('Write', { file_path: '/a', content: 'y' })).toEqual([{ path: '/a', before: '', after: 'y' }])
  expect(editsOf('MultiEdit', { file_path: '/a', edits: [{ old_string: '1', new_string: '2' }, null] })).toEqual([
    { path: '/a', before: '1', after: '2' },
  ])
  expect(editsOf('Bash', { command: 'ls' })).toBeNull()
  expect(editsOf('Edit', {})).toBeNull()
})
