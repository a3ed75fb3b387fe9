/** For how long an answer to an agent counts, and what a person made of a tool's input. */
import type { PermissionScope } from '../contract/records'
import { isObject } from './content'

export const SCOPES: readonly { value: PermissionScope; label: string; hint: string }[] = [
  { value: 'once', label: 'Once', hint: 'this one time' },
  { value: 'session', label: 'Session', hint: 'in this session' },
  { value: 'project', label: 'Project', hint: 'in every session of this repository or folder' },
  { value: 'user', label: 'Everywhere', hint: 'in every session of yours' },
]

/** Where an answer counts: `in this session`. */
export const scopeHint = (scope: PermissionScope): string => SCOPES.find((each) => each.value === scope)!.hint

/** The rules a person wrote, one a line; empty lines are none. */
export const rulesIn = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

/** Agents that can be told to use other input than they asked for; the others take an edited yes for a no. */
const EDITABLE_AGENTS = new Set(['claude-code', 'scripted'])
export const mayEditInput = (agent: string): boolean => EDITABLE_AGENTS.has(agent)

/** The tool's input as a person edits it: a command as it is, anything else as JSON. */
export function inputText(input: Record<string, unknown>): string {
  return typeof input['command'] === 'string' ? input['command'] : JSON.stringify(input, null, 2)
}

/** The input with what a person wrote for `inputText`; null where nothing was changed. Throws what is wrong, in words. */
export function editedInput(input: Record<string, unknown>, edited: string): Record<string, unknown> | null {
  if (edited === inputText(input)) return null
  if (typeof input['command'] === 'string') {
    if (edited.trim() === '') throw new Error('The command is empty.')
    return { ...input, command: edited }
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(edited)
  } catch (error) {
    throw new Error(`This is not JSON: ${(error as Error).message}`)
  }
  if (!isObject(parsed)) throw new Error('The input must be a JSON object: { … }')
  return parsed
}
