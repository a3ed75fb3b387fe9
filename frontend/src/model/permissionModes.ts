/** How freely an agent may act, in the words of its settings and of people. */
export const PERMISSION_MODES = [
  { value: 'default', label: 'Ask before changes' },
  { value: 'acceptEdits', label: 'Edit files freely' },
  { value: 'plan', label: 'Plan only' },
  { value: 'bypassPermissions', label: 'Never ask (dangerous)' },
] as const

export const DEFAULT_PERMISSION_MODE = 'acceptEdits'
