/** What would be lost with a worktree, as lines. */

const WORDS: Record<string, string> = {
  changed: 'Changed',
  untracked: 'Not tracked',
  nested: 'Repositories inside',
  operation: 'Half done',
  detached_commits: 'Commits that no branch leads to',
  running_sessions: 'Sessions that run in it',
  unpushed: 'Commits that are nowhere else (they stay, with the branch)',
}
// What the worktree is, rather than what is in the way.
const FACTS = new Set(['path', 'branch', 'head_sha', 'is_clean'])
const COUNT = '_count'
const MOST_NAMES = 8

/** One line for each part of the report that says something; unknown parts by their own name. */
export function reportLines(report: unknown): string[] {
  if (typeof report !== 'object' || report === null) return []
  const facts = report as Record<string, unknown>
  return Object.entries(facts).flatMap(([key, value]) => {
    if (FACTS.has(key) || key.endsWith(COUNT)) return []
    const said = Array.isArray(value) ? named(value, facts[key + COUNT]) : inWords(value)
    return said === null ? [] : [`${WORDS[key] ?? key.replaceAll('_', ' ')}: ${said}`]
  })
}

/** The first names, and how many more there are; `count` is how many there are in all, where the list was cut. */
function named(list: unknown[], count: unknown): string | null {
  if (list.length === 0) return null
  const left = (typeof count === 'number' ? count : list.length) - MOST_NAMES
  return list.slice(0, MOST_NAMES).map(String).join(', ') + (left > 0 ? ` and ${left} more` : '')
}

function inWords(value: unknown): string | null {
  if (value === true) return 'yes'
  if (typeof value === 'number' && value > 0) return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}
