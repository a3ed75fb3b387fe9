/** Tool uses in a line, and those that edit a file as before and after. */

const TELLING = [
  'command',
  'file_path',
  'path',
  'notebook_path',
  'pattern',
  'query',
  'url',
  'description',
  'prompt',
  'skill',
]
const SUMMARY_CHARACTERS = 140

/** The input field that says most about the use, in one line. */
export function toolSummary(input: Record<string, unknown>): string {
  const key = TELLING.find((name) => typeof input[name] === 'string' && input[name] !== '')
  const text = key ? String(input[key]) : Object.keys(input).length > 0 ? JSON.stringify(input) : ''
  const line = text.split('\n')[0]!.trim()
  return line.length > SUMMARY_CHARACTERS ? `${line.slice(0, SUMMARY_CHARACTERS - 1)}…` : line
}

export interface Edit {
  path: string
  before: string
  after: string
}

/** The edits a tool use makes, for the tools that say so in their input; null for the others. */
export function editsOf(name: string, input: Record<string, unknown>): Edit[] | null {
  const path = text(input['file_path'] ?? input['path'])
  if (name === 'Write' && typeof input['content'] === 'string') return [{ path, before: '', after: input['content'] }]
  if (name === 'Edit' && typeof (input['new_string'] ?? input['new']) === 'string') return [edit(path, input)]
  if (name === 'MultiEdit' && Array.isArray(input['edits'])) {
    return input['edits']
      .filter((part): part is Record<string, unknown> => typeof part === 'object' && part !== null)
      .map((part) => edit(path, part))
  }
  return null
}

const edit = (path: string, input: Record<string, unknown>): Edit => ({
  path,
  before: text(input['old_string'] ?? input['old']),
  after: text(input['new_string'] ?? input['new']),
})
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
