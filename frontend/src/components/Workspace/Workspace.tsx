import { Anchor, Button } from '@mantine/core'
import { Suspense, useCallback, useEffect, useState } from 'react'
import { app } from '../../contract/client'
import type { Board } from '../../contract/records'
import { useRecords } from '../../hooks/useCollection'
import { useRead } from '../../hooks/useRead'
import { goTo } from '../../hooks/useRoute'
import type { Route } from '../../model/route'
import { boards, oneSession } from '../../store/stores'
import { Empty, Failed, Loading } from '../States/States'
import styles from './Workspace.module.css'
import { lazily } from '../lazily'

const Conversation = lazily(() => import('../Conversation/Conversation'))
const BoardCanvas = lazily(() => import('../BoardCanvas/BoardCanvas'))

const FULL_ID_CHARACTERS = 36

interface WorkspaceProps {
  route: Route
  /** Told which board is in sight, for the sidebar and for new sessions. */
  onBoard: (boardId: string | null) => void
  onNewSession: () => void
}

/** A board, and beside it the session that is open. */
export function Workspace({ route, onBoard, onNewSession }: WorkspaceProps) {
  if (route.name === 'session' && route.id.length !== FULL_ID_CHARACTERS)
    return <FullId shortId={route.id} message={route.message} />
  return <BoardAndSession route={route} onBoard={onBoard} onNewSession={onNewSession} />
}

function BoardAndSession({ route, onBoard, onNewSession }: WorkspaceProps) {
  const { records, status, error } = useRecords(boards())
  const sessionId = route.name === 'session' ? route.id : null
  const sessionsBoardId = useBoardIdOf(sessionId)
  const [isWide, setWide] = useState(false)
  const [lastBoardId, setLastBoardId] = useState<string | null>(null)
  const isComing = sessionsBoardId === undefined && lastBoardId === null
  const board = isComing ? undefined : boardFor(route, records, sessionsBoardId ?? lastBoardId)
  const boardId = board?.board_id ?? null
  useEffect(() => {
    onBoard(boardId)
    if (boardId) setLastBoardId(boardId)
  }, [boardId, onBoard])
  const onClose = useCallback(() => {
    setWide(false)
    goTo(board ? { name: 'board', slug: board.slug } : { name: 'home' })
  }, [board])

  if (status === 'error') return <Failed error={error} onRetry={() => void boards().refresh()} />
  if (status === 'loading' && records.length === 0) return <Loading what="boards" />
  const classes = [styles.workspace, sessionId && styles.withPanel, sessionId && isWide && styles.wide]
    .filter(Boolean)
    .join(' ')
  return (
    <div className={classes}>
      <div className={styles.board}>
        {board ? (
          <Suspense fallback={<Loading what="the board" />}>
            <BoardCanvas board={board} openSessionId={sessionId} onNewSession={onNewSession} />
          </Suspense>
        ) : isComing ? (
          <Loading what="the board" />
        ) : (
          <Empty title={route.name === 'board' ? `No board “${route.slug}”` : 'No board'}>
            {records.length > 0 ? (
              <Anchor href="#/">To the first board</Anchor>
            ) : (
              <Button onClick={onNewSession}>New session</Button>
            )}
          </Empty>
        )}
      </div>
      {sessionId && (
        <div className={styles.panel}>
          <Suspense fallback={<Loading what="the session" />}>
            <Conversation
              key={sessionId}
              sessionId={sessionId}
              messageId={route.name === 'session' ? route.message : undefined}
              onClose={onClose}
              onExpand={() => setWide(!isWide)}
            />
          </Suspense>
        </div>
      )}
    </div>
  )
}

/** Opens the session whose short id is in the address. */
function FullId({ shortId, message }: { shortId: string; message: string | undefined }) {
  const load = useCallback(() => app.service('sessions').get(shortId), [shortId])
  const { value, error, again } = useRead(load)
  useEffect(() => {
    if (value) goTo({ name: 'session', id: value.session_id, ...(message && { message }) }, true)
  }, [value, message])
  return error ? <Failed error={error} onRetry={again} /> : <Loading what="the session" />
}

/** The board a session is on; null where it is on none, or there is none; undefined until that is known. */
function useBoardIdOf(sessionId: string | null): string | null | undefined {
  const { records, status } = useRecords(oneSession(sessionId ?? NO_SESSION))
  if (sessionId === null) return null
  return records[0] ? records[0].board_id : status === 'loading' ? undefined : null
}

// An id that no session has: hooks are called whether or not a session is open.
const NO_SESSION = '00000000-0000-7000-8000-000000000000'

/** The board of the address, or that of the session that is open; behind a session of none, or of which nothing is
 * known, the one seen last, or the first. */
function boardFor(route: Route, known: Board[], fallbackId: string | null): Board | undefined {
  if (route.name === 'board') return known.find((board) => board.slug === route.slug || board.board_id === route.slug)
  return known.find((board) => board.board_id === fallbackId) ?? known[0]
}
