/** What is searched for, as people type it and as the daemon wants it. */
import type { Query } from '../contract/client'

/** What narrows a search; what is absent does not. */
export interface SearchFilters {
  who?: string
  /** A number of days until now, or `between`: from `from` to `to`, dates (2026-03-10) of which one may be absent. */
  when?: string
  from?: string
  to?: string
  /** An id, or `none`. */
  board?: string
  repo?: string
  agent?: string
  session?: string
  /** `yes`: only archived sessions; `no`: none of them. */
  archived?: string
}

export type FilterName = keyof SearchFilters
export const FILTERS: readonly FilterName[] = [
  'who',
  'when',
  'from',
  'to',
  'board',
  'repo',
  'agent',
  'session',
  'archived',
]
/** The value of `board` for the sessions that are on none. */
export const NO_BOARD = 'none'

const DAY_MS = 24 * 60 * 60 * 1000
const WORD = /[\p{L}\p{N}]/u

/** The daemon's `$search`: what is still being typed counts as a beginning. Null where there is no word to look for. */
export function searchText(typed: string): string | null {
  const text = typed.trim()
  if (!WORD.test(text)) return null
  const isInQuotes = (text.match(/"/g)?.length ?? 0) % 2 === 1
  if (isInQuotes) return `${text}"`
  return /[\p{L}\p{N}]$/u.test(text) && typed === typed.trimEnd() ? `${text}*` : text
}

/** The filters with one of them changed; an empty value takes it away. */
export function withFilter(filters: SearchFilters, name: FilterName, value: string): SearchFilters {
  const { [name]: _, ...rest } = filters
  return value === '' ? rest : { ...rest, [name]: value }
}

/** The part of a query on messages that narrows it. `now` in milliseconds. */
export function messageFilter(filters: SearchFilters, now: number): Query {
  const timestamp = span(filters, now)
  return {
    ...(filters.who && { role: filters.who }),
    ...(timestamp && { timestamp }),
    ...(filters.session && { session_id: filters.session }),
    ...whereabouts(filters, 'session.'),
  }
}

/** The part of a query on sessions that narrows it: which they are, and when something happened in them. */
export function sessionFilter(filters: SearchFilters, now: number): Query {
  const last_updated = span(filters, now)
  return {
    ...(last_updated && { last_updated }),
    ...(filters.session && { session_id: filters.session }),
    ...whereabouts(filters),
  }
}

/** Which sessions: where they are, and whose; `of`: what their fields are called by in front, where others are asked for. */
function whereabouts({ board, repo, agent, archived }: SearchFilters, of = ''): Query {
  return {
    ...(board && { [`${of}board_id`]: board === NO_BOARD ? null : board }),
    ...(repo && { [`${of}repo.repo_id`]: repo }),
    ...(agent && { [`${of}agent`]: agent }),
    ...(archived && { [`${of}archived`]: archived === 'yes' }),
  }
}

/** A passage around what was found, in parts. */
export type Snippet = { text: string; is_match: boolean }[]

/** The title as the passage has it, where the passage says nothing else; null where it does. */
export function titleInSnippet(title: string, snippet: Snippet): Snippet | null {
  const text = snippet.map((part) => part.text).join('')
  if (!text.startsWith(title) || text.replaceAll(title, '').trim() !== '') return null
  const found: Snippet = []
  for (let at = 0; at < title.length;) {
    const { text: words, is_match } = snippet[found.length]!
    found.push({ text: words.slice(0, title.length - at), is_match })
    at += words.length
  }
  return found
}

function span({ when, from, to }: SearchFilters, now: number): Query | null {
  if (when !== 'between') return Number(when) > 0 ? { $gt: iso(now - Number(when) * DAY_MS) } : null
  const [first, last] = [startOfDay(from), startOfDay(to)]
  if (last !== null) last.setDate(last.getDate() + 1)
  const found = { ...(first && { $gte: iso(first) }), ...(last && { $lt: iso(last) }) }
  return Object.keys(found).length > 0 ? found : null
}

/** The first moment of a date where this is shown; null for what is none, as a date that is half typed. */
function startOfDay(date: string | undefined): Date | null {
  const found = new Date(`${date}T00:00`)
  return Number.isNaN(found.getTime()) ? null : found
}

const iso = (time: number | Date): string => new Date(time).toISOString()
