import { useEffect, useState } from 'react'
import type { Session } from '../contract/records'
import { hasTitle, titleOf } from '../model/session'
import { firstPrompt, knownFirstPrompt } from '../store/firstPrompts'

/** What to call the session: its title or description, else the first thing it was asked. */
export function useTitle(session: Session): string {
  const { session_id: id, last_updated: changed } = session
  const [prompt, setPrompt] = useState(() => knownFirstPrompt(id))
  const isMissing = !hasTitle(session) && prompt === null
  useEffect(() => {
    if (!isMissing) return
    let isCurrent = true
    void firstPrompt(id).then((text) => isCurrent && setPrompt(text))
    return () => {
      isCurrent = false
    }
  }, [id, isMissing, changed]) // changed: the first prompt may have come
  return hasTitle(session) ? titleOf(session) : (prompt ?? titleOf(session))
}
