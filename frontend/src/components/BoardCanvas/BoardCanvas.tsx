/** A board: its sessions as cards on a plane, with what was forked and spawned from what. Loaded by itself. */
import '@xyflow/react/dist/style.css'
import { Button, Code, Text, useComputedColorScheme } from '@mantine/core'
import {
  Background,
  Controls,
  MiniMap,
  type NodeHandle,
  Panel,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useNodesState,
  useReactFlow,
} from '@xyflow/react'
import { useCallback, useEffect, useMemo, useRef } from 'react'
import { app } from '../../contract/client'
import type { Board, Session } from '../../contract/records'
import { useBoardKeys } from '../../hooks/useBoardKeys'
import { useBoardView } from '../../hooks/useBoardView'
import { useRecords } from '../../hooks/useCollection'
import { useEdges } from '../../hooks/useEdges'
import { usePlaces } from '../../hooks/usePlaces'
import { goTo } from '../../hooks/useRoute'
import { errorText } from '../../model/errors'
import { CARD, type Point } from '../../model/layout'
import { firstToSee, titleOf } from '../../model/session'
import { sessionLook } from '../../model/status'
import { notify } from '../../store/notices'
import { MOST_CARDS, sessionsOfBoard } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { type CardNode, SessionCard } from '../SessionCard/SessionCard'
import { Empty, Failed, Loading } from '../States/States'
import styles from './BoardCanvas.module.css'

// Where edges leave and arrive is said, not measured: a card that is replaced while the library measures it would
// lose its measured handles for good, and its edges with them. So is its size: what is out of sight on a full board is
// never measured, and would not be fitted into the view.
const HANDLES: NodeHandle[] = [
  { type: 'target', position: Position.Top, x: CARD.width / 2, y: 0, width: 1, height: 1 },
  { type: 'source', position: Position.Bottom, x: CARD.width / 2, y: CARD.height, width: 1, height: 1 },
]
const NODE_TYPES = { session: SessionCard }
const FIT = { padding: 0.12, maxZoom: 1 }
// Smaller than this, cards can't be read.
const SMALLEST_START_ZOOM = 0.6
const START_ZOOM = 0.85
const PANEL_SETTLES_MS = 60
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
        <div className={styles.over}>
          {status === 'loading' ? <Loading what="the board" /> : <EmptyBoard onNewSession={props.onNewSession} />}
        </div>
      )}
    </div>
  )
}

function EmptyBoard({ onNewSession }: { onNewSession: () => void }) {
  return (
    <Empty title="No session on this board yet">
      <Text>In a git repository, type</Text>
      <Code block ta="left" className={styles.typed}>
        {'agor repo add .\nagor session start --repo . --worktree try-it "add a README"'}
      </Code>
      <Text size="sm" c="dimmed">
        and watch it appear here. Without an account, add <Code>--agent scripted</Code>.
      </Text>
      <Button leftSection={<Icon name="add" />} onClick={onNewSession}>
        New session
      </Button>
    </Empty>
  )
}

function Cards({
  board,
  openSessionId,
  onNewSession,
  sessions,
  total,
}: BoardCanvasProps & { sessions: Session[]; total: number }) {
  const scheme = useComputedColorScheme('light')
  const places = usePlaces(sessions)
  const [nodes, setNodes, onNodesChange] = useNodesState<CardNode>([])
  const edges = useEdges(sessions)
  const colors = useMemo(
    () => new Map(sessions.map((session) => [session.session_id, sessionLook(session.status).color])),
    [sessions],
  )
  const flow = useReactFlow<CardNode>()
  const hasFitted = useRef(false)
  const canvas = useRef<HTMLDivElement>(null)

  useEffect(() => {
    const titles = new Map(
      sessions.map((session) => [session.session_id, `${titleOf(session)}, ${sessionLook(session.status).label}`]),
    )
    setNodes((before) => {
      const known = new Map(before.map((node) => [node.id, node]))
      return [...places].map(([id, position]) => {
        const node = known.get(id)
        const data = { boardId: board.board_id, isOpen: id === openSessionId }
        const common = { data, ariaLabel: titles.get(id) ?? id }
        if (node?.dragging) return { ...node, ...common }
        const size = { width: CARD.width, height: CARD.height, handles: HANDLES, measured: CARD }
        return { ...node, ...common, id, type: 'session' as const, position, ...size }
      })
    })
  }, [places, sessions, openSessionId, board.board_id, setNodes])

  const { show, reveal } = useBoardView(canvas, places)

  // At first everything is in sight; a board too large for that begins at the open card, at one that waits for an
  // answer, or at the one that changed last.
  useEffect(() => {
    const isHidden = !canvas.current?.clientWidth // on a phone, behind the open session
    if (hasFitted.current || nodes.length === 0 || isHidden) return
    hasFitted.current = true
    void flow.fitView(FIT).then(() => {
      if (flow.getZoom() < SMALLEST_START_ZOOM)
        void show(places.get(openSessionId ?? '') ?? places.get(firstToSee(sessions).session_id), START_ZOOM)
    })
  }, [nodes.length, flow, places, sessions, openSessionId, show])

  // The panel of the open session may cover its card.
  useEffect(() => {
    const timer = setTimeout(() => void reveal(openSessionId ? places.get(openSessionId) : undefined), PANEL_SETTLES_MS)
    return () => clearTimeout(timer)
    // Places move while sessions come; only opening one is a reason to move the board.
  }, [openSessionId])

  const move = useCallback(
    async (id: string, position: Point) => {
      try {
        sessionsOfBoard(board.board_id).merge(await app.service('sessions').patch(id, { position }))
      } catch (refusal) {
        notify({ color: 'red', title: 'The card was not moved', message: errorText(refusal) })
        setNodes((before) =>
          before.map((node) => (node.id === id ? { ...node, position: places.get(id) ?? node.position } : node)),
        )
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
          <h1 className={styles.name}>
            {board.icon ? `${board.icon} ` : ''}
            {board.name}
          </h1>
          {total > MOST_CARDS && (
            <Text size="xs" c="dimmed">
              the newest {MOST_CARDS} of {total}
            </Text>
          )}
          <Button size="compact-sm" leftSection={<Icon name="add" size={14} />} onClick={onNewSession}>
            New session
          </Button>
        </div>
      </Panel>
      {sessions.length > 0 && (
        <>
          <Controls showInteractive={false} fitViewOptions={FIT} />
          <MiniMap
            pannable
            zoomable
            nodeColor={(node) => `var(--mantine-color-${colors.get(node.id) ?? 'gray'}-filled)`}
            nodeBorderRadius={20}
            className={styles.map}
            ariaLabel="Map of the board"
          />
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

const rounded = (point: Point): Point => ({ x: Math.round(point.x), y: Math.round(point.y) })
