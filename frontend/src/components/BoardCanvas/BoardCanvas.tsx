/** A board: its sessions as cards on a plane, with what was forked and spawned from what. Loaded by itself. */
import '@xyflow/react/dist/style.css'
import { Button, Code, Text, useComputedColorScheme } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { Background, Controls, type Edge, MiniMap, Panel, ReactFlow, ReactFlowProvider, useNodesState, useReactFlow } from '@xyflow/react'
import { type KeyboardEvent, type RefObject, useCallback, useEffect, useMemo, useRef } from 'react'
import { app } from '../../contract/client'
import type { Board, Session } from '../../contract/records'
import { useRecords } from '../../hooks/useCollection'
import { goTo } from '../../hooks/useRoute'
import { errorText } from '../../model/errors'
import { CARD, layOut, neighbour, type Point, viewCenter } from '../../model/layout'
import { originOf, titleOf } from '../../model/session'
import { sessionLook } from '../../model/status'
import { MOST_CARDS, sessionsOfBoard } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { type CardNode, SessionCard } from '../SessionCard/SessionCard'
import { Empty, Failed, Loading } from '../States/States'
import styles from './BoardCanvas.module.css'

const NODE_TYPES = { session: SessionCard }
const FIT = { padding: 0.12, maxZoom: 1 }
// Smaller than this, cards can't be read.
const SMALLEST_START_ZOOM = 0.6
const START_ZOOM = 0.85
const PANEL_SETTLES_MS = 60
const KEY_STEP_PX = 20
const DIRECTIONS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' } as const
const STEPS = { left: { x: -KEY_STEP_PX, y: 0 }, right: { x: KEY_STEP_PX, y: 0 }, up: { x: 0, y: -KEY_STEP_PX }, down: { x: 0, y: KEY_STEP_PX } }

interface BoardCanvasProps {
  board: Board
  openSessionId: string | null
  onNewSession: () => void
}

export default function BoardCanvas(props: BoardCanvasProps) {
  const collection = sessionsOfBoard(props.board.board_id)
  const { records, status, error, total } = useRecords(collection)
  if (status === 'error') return <Failed error={error} onRetry={() => void collection.refresh()} />
  return (
    <div className={styles.canvas}>
      <ReactFlowProvider key={props.board.board_id}>
        <Cards {...props} sessions={records} total={total} />
      </ReactFlowProvider>
      {records.length === 0 && (
        <div className={styles.over}>{status === 'loading' ? <Loading what="the board" /> : <EmptyBoard onNewSession={props.onNewSession} />}</div>
      )}
    </div>
  )
}

function EmptyBoard({ onNewSession }: { onNewSession: () => void }) {
  return (
    <Empty title="No session on this board yet">
      <Text>In a git repository, type</Text>
      <Code block ta="left">{'agor repo add .\nagor session start --repo . --worktree try-it "add a README"'}</Code>
      <Text size="sm" c="dimmed">
        and watch it appear here. Without an account, add <Code>--agent scripted</Code>.
      </Text>
      <Button leftSection={<Icon name="add" />} onClick={onNewSession}>New session</Button>
    </Empty>
  )
}

function Cards({ board, openSessionId, onNewSession, sessions, total }: BoardCanvasProps & { sessions: Session[]; total: number }) {
  const scheme = useComputedColorScheme('light')
  const places = usePlaces(sessions)
  const [nodes, setNodes, onNodesChange] = useNodesState<CardNode>([])
  const edges = useEdges(sessions)
  const flow = useReactFlow<CardNode>()
  const hasFitted = useRef(false)
  const canvas = useRef<HTMLDivElement>(null)

  useEffect(() => {
    const titles = new Map(sessions.map((session) => [session.session_id, `${titleOf(session)}, ${sessionLook(session.status).label}`]))
    setNodes((before) => {
      const known = new Map(before.map((node) => [node.id, node]))
      return [...places].map(([id, position]) => {
        const node = known.get(id)
        const data = { boardId: board.board_id, isOpen: id === openSessionId }
        const common = { data, ariaLabel: titles.get(id) ?? id }
        if (node?.dragging) return { ...node, ...common }
        return { ...node, ...common, id, type: 'session' as const, position, width: CARD.width, height: CARD.height }
      })
    })
  }, [places, sessions, openSessionId, board.board_id, setNodes])

  const { show, reveal } = useView(canvas, places)

  // At first everything is in sight; a board too large for that begins at the card that changed last.
  useEffect(() => {
    const isHidden = !canvas.current?.clientWidth // on a phone, behind the open session
    if (hasFitted.current || nodes.length === 0 || isHidden) return
    hasFitted.current = true
    void flow.fitView(FIT).then(() => {
      if (flow.getZoom() < SMALLEST_START_ZOOM) show(places.get(lastChanged(sessions)), START_ZOOM)
    })
  }, [nodes.length, flow, places, sessions, openSessionId, show])

  // The panel of the open session may cover its card.
  useEffect(() => {
    const timer = setTimeout(() => reveal(openSessionId ? places.get(openSessionId) : undefined), PANEL_SETTLES_MS)
    return () => clearTimeout(timer)
    // Places move while sessions come; only opening one is a reason to move the board.
  }, [openSessionId])

  const move = useCallback(
    async (id: string, position: Point) => {
      try {
        sessionsOfBoard(board.board_id).merge(await app.service('sessions').patch(id, { position }))
      } catch (refusal) {
        notifications.show({ color: 'red', title: 'The card was not moved', message: errorText(refusal) })
        setNodes((before) => before.map((node) => (node.id === id ? { ...node, position: places.get(id) ?? node.position } : node)))
      }
    },
    [board.board_id, places, setNodes],
  )
  const onKeyDown = useBoardKeys(places, move, reveal)

  return (
    <ReactFlow
      ref={canvas}
      nodes={nodes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      onNodesChange={onNodesChange}
      onNodeClick={(_, node) => goTo({ name: 'session', id: node.id })}
      onNodeDragStop={(_, node) => void move(node.id, rounded(node.position))}
      onKeyDown={onKeyDown}
      colorMode={scheme}
      nodeDragThreshold={4}
      nodesConnectable={false}
      edgesFocusable={false}
      elementsSelectable={false}
      nodesFocusable
      disableKeyboardA11y
      deleteKeyCode={null}
      onlyRenderVisibleElements={sessions.length > 60}
      minZoom={0.1}
      maxZoom={1.6}
      proOptions={{ hideAttribution: false }}
      aria-label={`Sessions of the board ${board.name}. Arrow keys go from card to card, Enter opens, Alt and an arrow moves the card.`}
    >
      <Background gap={24} />
      <Panel position="top-left">
        <div className={styles.toolbar}>
          <h1 className={styles.name}>{board.icon ? `${board.icon} ` : ''}{board.name}</h1>
          {total > MOST_CARDS && <Text size="xs" c="dimmed">the newest {MOST_CARDS} of {total}</Text>}
          <Button size="compact-sm" leftSection={<Icon name="add" size={14} />} onClick={onNewSession}>New session</Button>
        </div>
      </Panel>
      {sessions.length > 0 && (
        <>
          <Controls showInteractive={false} fitViewOptions={FIT} />
          <MiniMap pannable zoomable nodeColor={(node) => `var(--mantine-color-${colorOf(sessions, node.id)}-filled)`} nodeBorderRadius={20} className="mantine-visible-from-sm" ariaLabel="Map of the board" />
          {edges.length > 0 && (
            <Panel position="top-right" className="mantine-visible-from-sm">
              <div className={styles.legend}>
                <i className={styles.dashed} /> fork <i /> spawn
              </div>
            </Panel>
          )}
        </>
      )}
    </ReactFlow>
  )
}

/** Places of the cards; the same map until a card comes, goes or moves. */
function usePlaces(sessions: Session[]): ReadonlyMap<string, Point> {
  const items = sessions.map((session) => ({ id: session.session_id, parent: originOf(session)?.id ?? null, position: session.position ?? null }))
  const shape = JSON.stringify(items)
  return useMemo(() => layOut(JSON.parse(shape) as typeof items), [shape])
}

function useEdges(sessions: Session[]): Edge[] {
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

/** Moves the board under the view: `show` always, `reveal` only for a card that is not whole in sight. */
function useView(canvas: RefObject<HTMLDivElement | null>, places: ReadonlyMap<string, Point>) {
  const flow = useReactFlow<CardNode>()
  const show = useCallback(
    (at: Point | undefined, zoom: number) => {
      const { clientWidth: width = 0, clientHeight: height = 0 } = canvas.current ?? {}
      if (!at || width === 0) return
      const center = viewCenter(places.values(), at, { width: width / zoom, height: height / zoom })
      void flow.setCenter(center.x, center.y, { zoom, duration: 150 })
    },
    [canvas, places, flow],
  )
  const reveal = useCallback(
    (at: Point | undefined) => {
      const box = canvas.current?.getBoundingClientRect()
      if (!at || !box) return
      const start = flow.flowToScreenPosition(at)
      const end = flow.flowToScreenPosition({ x: at.x + CARD.width, y: at.y + CARD.height })
      if (start.x < box.left || start.y < box.top || end.x > box.right || end.y > box.bottom) show(at, flow.getZoom())
    },
    [canvas, flow, show],
  )
  return { show, reveal }
}

/** Enter opens the focused card, an arrow goes to the next one, Alt and an arrow moves it. */
function useBoardKeys(places: ReadonlyMap<string, Point>, move: (id: string, position: Point) => Promise<void>, reveal: (at: Point) => void) {
  return useCallback(
    (event: KeyboardEvent) => {
      const card = (event.target as HTMLElement).closest<HTMLElement>('.react-flow__node')
      const id = card?.dataset['id']
      if (!card || !id) return
      if (event.key === 'Enter') return goTo({ name: 'session', id })
      const direction = DIRECTIONS[event.key as keyof typeof DIRECTIONS]
      const here = places.get(id)
      if (!direction || !here) return
      event.preventDefault()
      if (event.altKey) {
        void move(id, { x: here.x + STEPS[direction].x, y: here.y + STEPS[direction].y })
        return
      }
      const next = neighbour(places, id, direction)
      const there = next && places.get(next)
      if (!next || !there) return
      reveal(there)
      // The next card may have been out of sight, and so not in the page yet.
      requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)?.focus({ preventScroll: true })))
    },
    [places, move, reveal],
  )
}

const lastChanged = (sessions: Session[]): string =>
  sessions.reduce((latest, session) => (session.last_updated > latest.last_updated ? session : latest)).session_id
const colorOf = (sessions: Session[], id: string): string => sessionLook(sessions.find((session) => session.session_id === id)?.status ?? 'idle').color
const rounded = (point: Point): Point => ({ x: Math.round(point.x), y: Math.round(point.y) })
