import { useCallback, useEffect } from 'react'
import { app, type Genealogy, read } from '../contract/client'
import type { Session } from '../contract/records'
import { originOf } from '../model/session'
import { type Reading, useRead } from './useRead'

const EVENTS = ['created', 'removed'] as const

/** A session's ancestors and descendants; read again when it gets a child or loses one. */
export function useGenealogy(sessionId: string): Reading<Genealogy> {
  const load = useCallback(() => read<Genealogy>(`sessions/${sessionId}/genealogy`), [sessionId])
  const reading = useRead(load)
  const { again } = reading
  useEffect(() => {
    const sessions = app.service('sessions')
    const onChange = (session: Session): void => {
      if (originOf(session)?.id === sessionId) again()
    }
    for (const event of EVENTS) sessions.on(event, onChange)
    return () => {
      for (const event of EVENTS) sessions.off(event, onChange)
    }
  }, [sessionId, again])
  return reading
}
