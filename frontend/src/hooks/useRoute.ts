import { useMemo, useSyncExternalStore } from 'react'
import { formatRoute, parseRoute, type Route } from '../model/route'

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

/** Where the address points now. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

/** Go there; with `replace` the way back does not lead here. */
export function goTo(route: Route, replace = false): void {
  const hash = formatRoute(route)
  if (replace) window.location.replace(hash)
  else window.location.hash = hash
}
