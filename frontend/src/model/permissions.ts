/** What a question of an agent is about, what a yes allows, and what a person made of the tool's input. */
import type { PermissionScope } from '../contract/records'
import { isObject } from './content'

export const SCOPES: readonly { value: PermissionScope; label: string; hint: string }[] = [
  { value: 'once', label: 'Once', hint: 'this one time' },
  { value: 'session', label: 'Session', hint: 'without asking again in this session' },
  { value: 'project', label: 'Project', hint: 'without asking again in any session of this repository' },
  { value: 'user', label: 'Everywhere', hint: 'without asking again in any session of yours' },
]

const MODES: Record<string, string> = {
  acceptEdits: 'all edits of files',
  bypassPermissions: 'everything, without any question',
  plan: 'planning only',
  default: 'nothing without a question',
}

/**
 * What is allowed from now on if the answer outlives this one use, in the agent's own terms: the rules it suggested, or
 * else every use of the tool.
 */
export function lastingRules(toolName: string, suggestions: readonly unknown[]): string[] {
  const rules = [...new Set(suggestions.flatMap(ruleOf))]
  return rules.length > 0 ? rules : [`every use of ${toolName}`]
}

/** Reads the shapes of Claude Code (`addRules`, `setMode`, `addDirectories`), of ACP options and of the scripted agent. */
function ruleOf(suggestion: unknown): string[] {
  if (!isObject(suggestion)) return []
  if (suggestion['behavior'] === 'deny') return []
  if (Array.isArray(suggestion['rules'])) {
    return suggestion['rules'].filter(isObject).map((rule) => {
      const name = text(rule['toolName'])
      return rule['ruleContent'] ? `${name}(${text(rule['ruleContent'])})` : `every use of ${name}`
    })
  }
  if (typeof suggestion['mode'] === 'string') return [MODES[suggestion['mode']] ?? suggestion['mode']]
  if (Array.isArray(suggestion['directories']))
    return suggestion['directories'].map((folder) => `work in ${text(folder)}`)
  if (typeof suggestion['tool'] === 'string') return [`every use of ${suggestion['tool']}`]
  return typeof suggestion['name'] === 'string' ? [suggestion['name']] : []
}

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

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
