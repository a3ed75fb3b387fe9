/** Routes, which live in the fragment of the address so that every other path belongs to the daemon. */
import { FILTERS, type SearchFilters } from './search'

export type Route =
  | { name: 'home' }
  | { name: 'board'; slug: string }
  | { name: 'session'; id: string; message?: string }
  | { name: 'search'; text: string; filters: SearchFilters }
  | { name: 'users' }
  | { name: 'repos' }
  | { name: 'unknown'; path: string }

/** The route a fragment (with or without `#`) names. */
export function parseRoute(fragment: string): Route {
  const whole = fragment.replace(/^#/, '')
  const [path = '', question = ''] = whole.split('?', 2)
  const [first = '', second = '', ...rest] = path.split('/').filter(Boolean).map(decode)
  if (first === '') return { name: 'home' }
  if (first === 'repos' && second === '') return { name: 'repos' }
  if (first === 'boards' && second !== '' && rest.length === 0) return { name: 'board', slug: second }
  if (first === 'sessions' && second !== '' && rest.length === 0) return { name: 'session', id: second }
  if (first === 'sessions' && rest.length === 1) return { name: 'session', id: second, message: rest[0]! }
  if (first === 'search' && rest.length === 0) return { name: 'search', text: second, filters: filtersOf(question) }
  if (first === 'users' && second === '') return { name: 'users' }
  return { name: 'unknown', path: whole }
}

/** The fragment, with `#`, of a route. */
export function formatRoute(route: Route): string {
  switch (route.name) {
    case 'home':
      return '#/'
    case 'board':
      return `#/boards/${encodeURIComponent(route.slug)}`
    case 'session':
      return `#/sessions/${encodeURIComponent(route.id)}${route.message ? `/${encodeURIComponent(route.message)}` : ''}`
    case 'search':
      return `#/search/${encodeURIComponent(route.text)}${questionOf(route.filters)}`
    case 'users':
      return '#/users'
    case 'repos':
      return '#/repos'
    case 'unknown':
      return `#${route.path}`
  }
}

function filtersOf(question: string): SearchFilters {
  const given = new URLSearchParams(question)
  return Object.fromEntries(FILTERS.flatMap((name) => (given.get(name) ? [[name, given.get(name)]] : [])))
}

function questionOf(filters: SearchFilters): string {
  const question = new URLSearchParams({ ...filters }).toString()
  return question && `?${question}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
