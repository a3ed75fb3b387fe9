import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import { type Attention, attention } from '../model/attention'
import { hasEnded } from '../model/status'
import { openQuestions, runsSince, seenBy, sessionsSince, tasksOf } from '../store/stores'
import type { Seen } from '../store/seen'
import { useRecords } from './useCollection'
import { useConnection } from './useConnection'

const NOBODY = 'anonymous'

/** What this user looked at. Renders again when that changes. */
function useSeen(): Seen {
  const { user } = useConnection()
  const seen = seenBy(user?.user_id ?? NOBODY)
  useSyncExternalStore(seen.subscribe, () => seen.version)
  return seen
}

/** All that waits for this person, and the way to say that it was looked at. */
export function useAttention(): Attention & { newsBegins: string; dismiss: (sessionIds: string[]) => void } {
  const seen = useSeen()
  const { version, newsBegins } = seen
  const questions = useRecords(openQuestions()).records
  const tasks = useRecords(runsSince(newsBegins)).records
  const sessions = useRecords(sessionsSince(newsBegins)).records
  const found = useMemo(
    () => attention(questions, tasks, sessions, seen.until),
    [questions, tasks, sessions, seen, version],
  )
  const dismiss = useCallback(
    (ids: string[]) => {
      const wanted = new Set(ids)
      seen.mark(
        tasks.flatMap((task) =>
          wanted.has(task.session_id) && task.completed_at ? [[task.session_id, task.completed_at] as const] : [],
        ),
      )
    },
    [seen, tasks],
  )
  return { ...found, newsBegins, dismiss }
}

/** Note that this session is being looked at, as long as the page is in sight. */
export function useLookingAt(sessionId: string): void {
  const seen = useSeen()
  const tasks = useRecords(tasksOf(sessionId)).records
  const until = tasks.reduce((latest, task) => (hasEnded(task) ? later(latest, task.completed_at) : latest), '')
  useEffect(() => {
    if (until === '') return
    const look = (): void => {
      if (document.visibilityState === 'visible') seen.mark([[sessionId, until]])
    }
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [seen, sessionId, until])
}

const later = (a: string, b: string | null): string => (b !== null && b > a ? b : a)
