import { Alert, Badge, Button, Loader } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { Message } from '../../contract/records'
import { type Action, useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { useFollowing } from '../../hooks/useFollowing'
import { useStreams } from '../../hooks/useStreams'
import { formatRoute } from '../../model/route'
import { shortId } from '../../model/ids'
import { placeOfMessage, type Row, transcriptRows } from '../../model/transcript'
import { messagesOf, streamsOf, tasksOf } from '../../store/stores'
import type { SessionStreams } from '../../store/streams'
import { Icon } from '../Icon/Icon'
import { indent, MessageRow } from '../MessageRow/MessageRow'
import { StreamRow } from '../MessageRow/StreamRow'
import { Empty, Failed, Loading } from '../States/States'
import { TaskEnd, TaskHeading } from '../TaskHeading/TaskHeading'
import styles from './Transcript.module.css'

const ROW_HEIGHT_GUESS_PX = 90
// Earlier messages are fetched when the view comes this near to the first row; to reach a certain one, more at once.
const ROWS_LEFT = 12
const EARLIER = 400
const EARLIER_TO_REACH = 1000
// What a person moves a list with.
const MOVES = ['wheel', 'touchmove', 'keydown', 'pointerdown'] as const

/** The whole conversation of a session; only the rows in sight are in the page. `messageId`: the message to go to. */
export function Transcript({ sessionId, messageId }: { sessionId: string; messageId?: string | undefined }) {
  const tasks = useRecords(tasksOf(sessionId))
  const messages = useRecords(messagesOf(sessionId))
  const streams = streamsOf(sessionId)
  const streamIds = useStreams(streams)
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set())
  const earlier = useAction(messagesOf(sessionId).more)
  const rows = useMemo(() => {
    const streaming = streamIds.map((id) => ({
      message_id: id,
      parent_tool_use_id: streams.get(id)?.parent_tool_use_id ?? null,
    }))
    return transcriptRows({
      sessionId,
      tasks: tasks.records,
      messages: messages.records,
      isWhole: messages.isWhole,
      streams: streaming,
      toggled,
    })
  }, [sessionId, tasks.records, messages.records, messages.isWhole, streams, streamIds, toggled])
  const toggle = useCallback((toolUseId: string) => setToggled((before) => withToggled(before, toolUseId)), [])

  if (messages.status === 'error')
    return <Failed error={messages.error} onRetry={() => void messagesOf(sessionId).refresh()} />
  if (tasks.status === 'error') return <Failed error={tasks.error} onRetry={() => void tasksOf(sessionId).refresh()} />
  if (rows.length === 0) {
    if (messages.status === 'loading' || tasks.status === 'loading') return <Loading what="the conversation" />
    return (
      <Empty title="Nothing was said yet">
        <p>Type below what the agent should do.</p>
      </Empty>
    )
  }
  const sought = messageId ? messages.records.find((message) => message.message_id === messageId) : undefined
  return (
    <Rows
      key={`${sessionId}/${messageId ?? ''}`}
      rows={rows}
      target={messageId ? { message: sought ?? null } : null}
      earlier={messages.isWhole ? null : earlier}
      streams={streams}
      onToggle={toggle}
    />
  )
}

interface Target {
  /** null until it was fetched, or because it does not exist. */
  message: Message | null
}

function Rows({
  rows,
  target,
  earlier,
  streams,
  onToggle,
}: {
  rows: Row[]
  target: Target | null
  /** The way to fetch earlier messages; null if there are none. */
  earlier: Action<[number]> | null
  streams: SessionStreams
  onToggle: (toolUseId: string) => void
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const { follows, follow, keepUp, scrollToFn } = useFollowing(scroller, target === null)
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT_GUESS_PX,
    getItemKey: (place) => rows[place]!.key,
    overscan: 6,
    // What is in sight stays where it is when earlier messages come in above it.
    anchorTo: 'end',
    scrollToFn,
    useFlushSync: false,
  })
  const height = list.getTotalSize()

  useLayoutEffect(keepUp, [keepUp, height, rows])

  const place = target?.message ? placeOfMessage(rows, target.message) : -1
  const hasMoved = useRef(false)
  // It stays in the middle, whatever comes in above and below it, until a person moves on.
  useLayoutEffect(() => {
    if (place < 0 || follows || hasMoved.current) return
    const row = rows[place]!
    if (row.kind === 'subagent' && !row.isOpen) return onToggle(row.toolUseId)
    list.scrollToIndex(place, { align: 'center' })
  }, [place, rows, follows, list, onToggle])
  useEffect(() => {
    const element = scroller.current
    const onMove = (): void => void (hasMoved.current = true)
    for (const event of MOVES) element?.addEventListener(event, onMove, { passive: true })
    return () => {
      for (const event of MOVES) element?.removeEventListener(event, onMove)
    }
  }, [])

  const firstDrawn = list.getVirtualItems()[0]?.index ?? 0
  const isSeeking = target !== null && target.message === null
  useEffect(() => {
    if (!earlier || earlier.isBusy || earlier.error !== null) return
    // What was drawn is behind where it was just scrolled to.
    const first = list.getVirtualItemForOffset(scroller.current?.scrollTop ?? 0)?.index ?? 0
    if (isSeeking || first < ROWS_LEFT) void earlier.run(isSeeking ? EARLIER_TO_REACH : EARLIER)
  }, [earlier, isSeeking, firstDrawn, list])

  return (
    <div className={styles.frame}>
      {earlier && <Earlier fetching={earlier} />}
      <div ref={scroller} className={styles.scroller} role="log" aria-label="Conversation" tabIndex={0}>
        <div className={styles.content} style={{ height }}>
          {list.getVirtualItems().map((item) => (
            <div
              key={item.key}
              data-index={item.index}
              ref={list.measureElement}
              className={item.index === place ? `${styles.row} ${styles.target}` : styles.row}
              aria-current={item.index === place || undefined}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <RowView
                isTarget={item.index === place}
                row={rows[item.index]!}
                isLast={item.index === rows.length - 1}
                streams={streams}
                onToggle={onToggle}
              />
            </div>
          ))}
        </div>
      </div>
      {!follows && (
        <Button className={styles.toEnd} size="xs" radius="xl" leftSection={<Icon name="down" />} onClick={follow}>
          To the end
        </Button>
      )}
    </div>
  )
}

/** Over the first rows: that earlier messages are being fetched, or why they are not. */
function Earlier({ fetching }: { fetching: Action<[number]> }) {
  if (fetching.error !== null)
    return (
      <Alert className={styles.earlier} color="red" role="alert" p="xs">
        Earlier messages could not be fetched: {fetching.error}{' '}
        <Button size="compact-xs" variant="light" color="red" onClick={() => void fetching.run(EARLIER)}>
          Try again
        </Button>
      </Alert>
    )
  if (!fetching.isBusy) return null
  return (
    <Badge className={styles.earlier} variant="default" role="status" leftSection={<Loader size={10} />}>
      Earlier messages …
    </Badge>
  )
}

function RowView({
  row,
  isTarget,
  isLast,
  streams,
  onToggle,
}: {
  row: Row
  isTarget: boolean
  isLast: boolean
  streams: SessionStreams
  onToggle: (toolUseId: string) => void
}) {
  switch (row.kind) {
    case 'inherited':
      return (
        <div className={styles.divider}>
          Inherited from <a href={formatRoute({ name: 'session', id: row.from })}>{shortId(row.from)}</a>
        </div>
      )
    case 'own':
      return <div className={styles.divider}>This fork from here on</div>
    case 'task':
      return <TaskHeading task={row.task} isInherited={row.isInherited} />
    case 'message':
      return <MessageRow row={row} isOpen={isTarget} />
    case 'subagent':
      return (
        <div className={styles.subagent} style={indent(row.depth)}>
          <Button
            size="compact-xs"
            variant="subtle"
            color="grape"
            aria-expanded={row.isOpen}
            onClick={() => onToggle(row.toolUseId)}
          >
            {row.isOpen ? 'Hide' : 'Show'} the sub-agent’s {row.count} {row.count === 1 ? 'message' : 'messages'}
          </Button>
        </div>
      )
    case 'stream':
      return <StreamRow streams={streams} id={row.key} depth={row.depth} />
    case 'end':
      return <TaskEnd task={row.task} isLast={isLast} />
  }
}

function withToggled(before: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const after = new Set(before)
  if (!after.delete(id)) after.add(id)
  return after
}
