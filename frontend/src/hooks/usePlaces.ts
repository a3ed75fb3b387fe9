import { useMemo } from 'react'
import type { Session } from '../contract/records'
import { layOut, type Point } from '../model/layout'
import { originOf } from '../model/session'

/** Places of the cards; the same map until a card comes, goes or moves. */
export function usePlaces(sessions: Session[]): ReadonlyMap<string, Point> {
  const items = sessions.map((session) => ({
    id: session.session_id,
    parent: originOf(session)?.id ?? null,
    position: session.position ?? null,
  }))
  const shape = JSON.stringify(items)
  return useMemo(() => layOut(JSON.parse(shape) as typeof items), [shape])
}
