/** Routes, which live in the fragment of the address so that every other path belongs to the daemon. */

export type Route =
  | { name: 'home' }
  | { name: 'board'; slug: string }
  | { name: 'session'; id: string }
  | { name: 'repos' }
  | { name: 'unknown'; path: string }

/** The route a fragment (with or without `#`) names. */
export function parseRoute(fragment: string): Route {
  const path = fragment.replace(/^#/, '')
  const [first = '', second = '', ...rest] = path.split('/').filter(Boolean).map(decode)
  if (first === '') return { name: 'home' }
  if (first === 'repos' && second === '') return { name: 'repos' }
  if (first === 'boards' && second !== '' && rest.length === 0) return { name: 'board', slug: second }
  if (first === 'sessions' && second !== '' && rest.length === 0) return { name: 'session', id: second }
  return { name: 'unknown', path }
}

/** The fragment, with `#`, of a route. */
export function formatRoute(route: Route): string {
  switch (route.name) {
    case 'home':
      return '#/'
    case 'board':
      return `#/boards/${encodeURIComponent(route.slug)}`
    case 'session':
      return `#/sessions/${encodeURIComponent(route.id)}`
    case 'repos':
      return '#/repos'
    case 'unknown':
      return `#${route.path}`
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
