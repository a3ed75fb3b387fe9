/** Full-text search over all that was said. Loaded by itself. */
import { Badge, Button, Stack, Text, TextInput, Title } from '@mantine/core'
import { type KeyboardEvent, useEffect, useState } from 'react'
import type { Message, Session } from '../../contract/records'
import { useNow } from '../../hooks/useNow'
import { goTo } from '../../hooks/useRoute'
import { type Found, type MostHits, useSearch } from '../../hooks/useSearch'
import { formatRoute } from '../../model/route'
import { type SearchFilters, searchText, type Snippet, titleInSnippet } from '../../model/search'
import { titleOf } from '../../model/session'
import { sessionLook } from '../../model/status'
import { timeAgo } from '../../model/time'
import { Icon } from '../Icon/Icon'
import page from '../States/Page.module.css'
import { Empty, Failed, Loading } from '../States/States'
import { StatusBadge } from '../StatusBadge/StatusBadge'
import { Filters } from './Filters'
import styles from './SearchPage.module.css'

const PAGE = 25
// What was said is looked for more often than a title; the best titles are a few.
const FIRST: MostHits = { sessions: 10, messages: PAGE }

export default function SearchPage({ text, filters }: { text: string; filters: SearchFilters }) {
  const [typed, setTyped] = useState(text)
  const [most, setMost] = useState(FIRST)
  const { value, error, again } = useSearch(typed, filters, most)
  // The address follows, so that the way back from a message leads to these results.
  useEffect(() => {
    if (typed !== text) goTo({ name: 'search', text: typed, filters }, true)
  }, [typed])
  const narrow = (changed: SearchFilters): void => {
    setMost(FIRST)
    goTo({ name: 'search', text: typed, filters: changed }, true)
  }
  const isWord = searchText(typed) !== null
  return (
    <div className={page.page}>
      <Stack p="md" maw={820} mx="auto" gap="md" onKeyDown={moveAmongHits}>
        <Title order={1} size="h3">
          Search
        </Title>
        <TextInput
          aria-label="Search for"
          type="search"
          placeholder='Words, a beginning*, or "words that follow each other"'
          leftSection={<Icon name="search" />}
          autoFocus
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value)
            setMost(FIRST)
          }}
        />
        <Filters filters={filters} onChange={narrow} />
        {error ? (
          <Failed error={error} onRetry={again} />
        ) : !isWord ? (
          <Text c="dimmed">
            Everything that was asked, answered, thought and done in your sessions can be found by its words.
          </Text>
        ) : !value ? (
          <Loading what="what was found" />
        ) : (
          <Results
            found={value}
            onMore={(what) => setMost({ ...most, [what]: most[what] + PAGE })}
            onWiden={Object.keys(filters).length > 0 ? () => narrow({}) : undefined}
          />
        )}
      </Stack>
    </div>
  )
}

/** The arrow keys go from the field through the hits, and back. */
function moveAmongHits(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  const from = event.target as HTMLElement
  if (step === undefined || !from.matches('input[type=search], [data-hit]')) return
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>('input[type=search], [data-hit]')]
  event.preventDefault()
  stops[stops.indexOf(from) + step]?.focus()
}

interface ResultsProps {
  found: Found
  onMore: (what: keyof MostHits) => void
  /** Search everywhere; absent where that is done. */
  onWiden: (() => void) | undefined
}

function Results({ found: { sessions, messages, homes }, onMore, onWiden }: ResultsProps) {
  if (sessions.total === 0 && messages.total === 0)
    return (
      <Empty title="Nothing was found">
        <Text size="sm" c="dimmed">
          Words are found whole; with a * at its end, a word is a beginning.
        </Text>
        {onWiden && (
          <Button size="xs" variant="light" onClick={onWiden}>
            Search without filters
          </Button>
        )}
      </Empty>
    )
  return (
    <>
      {sessions.data.length > 0 && (
        <section aria-label="Sessions found">
          <Heading name="Sessions" count={sessions.total} />
          <ul className={styles.list}>
            {sessions.data.map((session) => (
              <SessionHit key={session.session_id} session={session} />
            ))}
          </ul>
          {sessions.total > sessions.data.length && <More onClick={() => onMore('sessions')} />}
        </section>
      )}
      {messages.data.length > 0 && (
        <section aria-label="Messages found">
          <Heading name="Messages" count={messages.total} />
          <ul className={styles.list}>
            {messages.data.map((message) => (
              <MessageHit key={message.message_id} message={message} home={homes.get(message.session_id)} />
            ))}
          </ul>
          {messages.total > messages.data.length && <More onClick={() => onMore('messages')} />}
        </section>
      )}
    </>
  )
}

function More({ onClick }: { onClick: () => void }) {
  return (
    <Button mt="sm" size="xs" variant="default" onClick={onClick}>
      Show more
    </Button>
  )
}

function Heading({ name, count }: { name: string; count: number }) {
  return (
    <Title order={2} size="h6">
      {name}{' '}
      <Badge size="sm" variant="light" color="gray">
        {count}
      </Badge>
    </Title>
  )
}

function SessionHit({ session }: { session: Session & { snippet: Snippet } }) {
  const title = titleOf(session)
  const marked = titleInSnippet(title, session.snippet)
  return (
    <li>
      <a className={styles.hit} data-hit href={formatRoute({ name: 'session', id: session.session_id })}>
        <span className={styles.facts}>
          <HitTitle title={title} marked={marked} />
          <StatusBadge look={sessionLook(session.status)} />
          <span>{session.agent}</span>
          {session.archived && <span>archived</span>}
        </span>
        {!marked && <Passage snippet={session.snippet} />}
      </a>
    </li>
  )
}

function MessageHit({ message, home }: { message: Message & { snippet: Snippet }; home: Session | undefined }) {
  const now = useNow()
  const title = home ? titleOf(home) : 'A session'
  const marked = titleInSnippet(title, message.snippet)
  return (
    <li>
      <a
        className={styles.hit}
        data-hit
        href={formatRoute({ name: 'session', id: message.session_id, message: message.message_id })}
      >
        <span className={styles.facts}>
          <HitTitle title={title} marked={marked} />
          <span>{message.parent_tool_use_id ? 'sub-agent' : message.role}</span>
          <span title={message.timestamp}>{timeAgo(message.timestamp, now)}</span>
        </span>
        {!marked && <Passage snippet={message.snippet} />}
      </a>
    </li>
  )
}

/** The title of a session; with its marks, where that is all there is to say of what was found. */
function HitTitle({ title, marked }: { title: string; marked: Snippet | null }) {
  return <strong>{marked ? <Marked snippet={marked} /> : title}</strong>
}

function Passage({ snippet }: { snippet: Snippet }) {
  return (
    <span className={styles.passage}>
      <Marked snippet={snippet} />
    </span>
  )
}

function Marked({ snippet }: { snippet: Snippet }) {
  return snippet.map((part, place) =>
    part.is_match ? <mark key={place}>{part.text}</mark> : <span key={place}>{part.text}</span>,
  )
}
