import { useCallback, useEffect, useState } from 'react'
import { app, type Page, type Query } from '../contract/client'
import type { Message, Session } from '../contract/records'
import { messageFilter, type SearchFilters, searchText, sessionFilter, sessionTimes } from '../model/search'
import { type Reading, useRead } from './useRead'

/** A passage around what was found, in parts. */
export type Snippet = { text: string; is_match: boolean }[]

export interface Found {
  sessions: Page<Session & { snippet: Snippet }>
  messages: Page<Message & { snippet: Snippet }>
  /** The sessions that the messages are of, by id. */
  homes: Map<string, Session>
  /** So many sessions were passed over: only those that changed last are searched for messages. */
  passedOver: number
}

const TYPING_MS = 250
const MOST_SESSIONS = 10
// Messages know their session only: which these are is asked first, and the daemon hands out so many at once.
const MOST_SEARCHED = 1000

/** What the daemon finds for a text, best first; null before the first answer, and where there is no word to look for. */
export function useSearch(typed: string, filters: SearchFilters, most: number): Reading<Found | null> {
  const text = useSettled(searchText(typed))
  const narrowed = JSON.stringify(filters)
  const load = useCallback(
    () => (text === null ? NOTHING : find(text, JSON.parse(narrowed) as SearchFilters, most)),
    [text, narrowed, most],
  )
  return useRead(load)
}

const NOTHING = Promise.resolve(null)

async function find(text: string, filters: SearchFilters, most: number): Promise<Found> {
  const now = Date.now()
  const which = sessionFilter(filters)
  const [sessions, [messages, passedOver]] = await Promise.all([
    app.service('sessions').find({
      query: { $search: text, ...which, ...sessionTimes(filters, now), $limit: MOST_SESSIONS },
    }),
    findMessages({ $search: text, ...messageFilter(filters, now), $limit: most, $select: MESSAGE_FIELDS }, which),
  ])
  const ids = [...new Set(messages.data.map((message) => message.session_id))]
  const homes = await app
    .service('sessions')
    .find({ query: { session_id: { $in: ids }, $limit: ids.length, $total: false } })
  return {
    sessions: sessions as Found['sessions'],
    messages: messages as Found['messages'],
    homes: new Map(homes.data.map((session) => [session.session_id, session])),
    passedOver,
  }
}

/** The messages that a query finds, of the sessions that another one finds; and how many of these were passed over. */
async function findMessages(query: Query, which: Query | null): Promise<[Page<Message>, number]> {
  if (which === null) return [await app.service('messages').find({ query }), 0]
  const searched = await app.service('sessions').find({
    query: { ...which, $select: ['session_id'], $sort: { last_updated: -1 }, $limit: MOST_SEARCHED },
  })
  const ids = searched.data.map((session) => session.session_id)
  const found = await app.service('messages').find({ query: { ...query, session_id: { $in: ids } } })
  return [found, searched.total - ids.length]
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
