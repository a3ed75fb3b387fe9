import { useCallback, useEffect, useState } from 'react'
import { app, type Page } from '../contract/client'
import type { Message, Session } from '../contract/records'
import { messageFilter, type SearchFilters, searchText, sessionFilter, type Snippet } from '../model/search'
import { type Reading, useRead } from './useRead'

export interface Found {
  sessions: Page<Session & { snippet: Snippet }>
  messages: Page<Message & { snippet: Snippet }>
  /** The sessions that the messages are of, by id. */
  homes: Map<string, Session>
}

/** How many of each are asked for. */
export interface MostHits {
  sessions: number
  messages: number
}

const TYPING_MS = 250

/** What the daemon finds for a text, best first; null before the first answer, and where there is no word to look for. */
export function useSearch(typed: string, filters: SearchFilters, most: MostHits): Reading<Found | null> {
  const text = useSettled(searchText(typed))
  const narrowed = JSON.stringify(filters)
  const load = useCallback(
    () => (text === null ? NOTHING : find(text, JSON.parse(narrowed) as SearchFilters, most)),
    [text, narrowed, most],
  )
  return useRead(load)
}

const NOTHING = Promise.resolve(null)

async function find(text: string, filters: SearchFilters, most: MostHits): Promise<Found> {
  const now = Date.now()
  const [sessions, messages] = await Promise.all([
    app.service('sessions').find({
      query: { $search: text, ...sessionFilter(filters, now), $limit: most.sessions },
    }),
    app.service('messages').find({
      query: { $search: text, ...messageFilter(filters, now), $limit: most.messages, $select: MESSAGE_FIELDS },
    }),
  ])
  const ids = [...new Set(messages.data.map((message) => message.session_id))]
  const homes = await app
    .service('sessions')
    .find({ query: { session_id: { $in: ids }, $limit: ids.length, $total: false } })
  return {
    sessions: sessions as Found['sessions'],
    messages: messages as Found['messages'],
    homes: new Map(homes.data.map((session) => [session.session_id, session])),
  }
}

const MESSAGE_FIELDS = ['message_id', 'session_id', 'task_id', 'role', 'timestamp', 'parent_tool_use_id']

/** The value once it has not changed for a moment. */
function useSettled(value: string | null): string | null {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TYPING_MS)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
