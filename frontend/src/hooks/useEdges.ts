import type { Edge } from '@xyflow/react'
import { useMemo } from 'react'
import type { Session } from '../contract/records'
import { originOf } from '../model/session'

/** Lines from sessions to what came of them: dashed for a fork. The same list until one of them changes. */
export function useEdges(sessions: Session[]): Edge[] {
  const ids = new Set(sessions.map((session) => session.session_id))
  const links = sessions.flatMap((session) => {
    const origin = originOf(session)
    return origin && ids.has(origin.id) ? [{ ...origin, to: session.session_id }] : []
  })
  const shape = JSON.stringify(links)
  return useMemo(
    () =>
      (JSON.parse(shape) as typeof links).map(({ id, kind, to }) => ({
        id: `${id}-${to}`,
        source: id,
        target: to,
        type: 'smoothstep',
        focusable: false,
        ariaLabel: kind === 'fork' ? 'fork' : 'spawn',
        style: { strokeWidth: 2, ...(kind === 'fork' && { strokeDasharray: '7 5' }) },
      })),
    [shape],
  )
}
