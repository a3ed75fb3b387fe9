/** What would be lost with a worktree, as lines. */

const WORDS: Record<string, string> = {
  changed: 'Changed',
  staged: 'Staged',
  untracked: 'Not tracked',
  unpushed: 'Commits nowhere else',
  conflicts: 'In conflict',
  stashes: 'Stashed',
  ignored: 'Ignored by git',
}
const MOST_NAMES = 8

/** One line for each part of the report that says something; unknown parts by their own name. */
export function reportLines(report: unknown): string[] {
  if (typeof report !== 'object' || report === null) return []
  return Object.entries(report).flatMap(([key, value]) => {
    const said = inWords(value)
    return said === null ? [] : [`${WORDS[key] ?? key.replaceAll('_', ' ')}: ${said}`]
  })
}

function inWords(value: unknown): string | null {
  if (Array.isArray(value)) {
    if (value.length === 0) return null
    const names = value
      .slice(0, MOST_NAMES)
      .map((each) =>
        typeof each === 'string' ? each : String((each as { path?: string })?.path ?? JSON.stringify(each)),
      )
    return names.join(', ') + (value.length > MOST_NAMES ? ` and ${value.length - MOST_NAMES} more` : '')
  }
  if (value === true) return 'yes'
  if (typeof value === 'number' && value > 0) return String(value)
  if (typeof value === 'string' && value !== '') return value
  return null
}
