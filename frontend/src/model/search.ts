/** What is searched for, as people type it and as the daemon wants it. */
import type { Query } from '../contract/client'

export interface SearchFilters {
  who: 'anybody' | 'user' | 'assistant'
  days: 'ever' | '7' | '30'
}

export const ANY: SearchFilters = { who: 'anybody', days: 'ever' }

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

/** The part of a query on messages that narrows it. `now` in milliseconds. */
export function messageFilter({ who, days }: SearchFilters, now: number): Query {
  return {
    ...(who !== 'anybody' && { role: who }),
    ...(days !== 'ever' && { timestamp: { $gt: daysBefore(now, Number(days)) } }),
  }
}

/** The same of a query on sessions. */
export function sessionFilter({ days }: SearchFilters, now: number): Query {
  return days === 'ever' ? {} : { last_updated: { $gt: daysBefore(now, Number(days)) } }
}

const daysBefore = (now: number, days: number): string => new Date(now - days * DAY_MS).toISOString()
