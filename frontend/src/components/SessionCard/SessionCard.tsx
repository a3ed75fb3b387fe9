import { Badge } from '@mantine/core'
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react'
import { memo } from 'react'
import { useRecord } from '../../hooks/useCollection'
import { useNow } from '../../hooks/useNow'
import { useTitle } from '../../hooks/useTitle'
import { shortId } from '../../model/ids'
import { placeOf, type ShownSession } from '../../model/session'
import { sessionLook } from '../../model/status'
import { timeAgo } from '../../model/time'
import { sessionsOfBoard } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { StatusBadge } from '../StatusBadge/StatusBadge'
import styles from './SessionCard.module.css'

export type CardNode = Node<{ boardId: string; isOpen: boolean }, 'session'>

/** A session on its board. */
export const SessionCard = memo(function SessionCard({ id, data }: NodeProps<CardNode>) {
  const session = useRecord(sessionsOfBoard(data.boardId), id)
  return session ? <Card session={session} isOpen={data.isOpen} /> : null
})

function Card({ session, isOpen }: { session: ShownSession; isOpen: boolean }) {
  const now = useNow()
  const title = useTitle(session)
  const look = sessionLook(session.status)
  const place = placeOf(session)
  return (
    <article
      className={isOpen ? `${styles.card} ${styles.selected}` : styles.card}
      style={{ '--card-color': `var(--mantine-color-${look.color}-filled)` } as React.CSSProperties}
    >
      <Handle type="target" position={Position.Top} className={styles.handle} isConnectable={false} />
      <div className={styles.line}>
        {session.status === 'awaiting_permission' ? (
          <Badge color="orange" size="sm" leftSection={<Icon name="hand" size={11} />}>
            {look.label}
          </Badge>
        ) : (
          <StatusBadge look={look} />
        )}
        <span className={styles.agent}>{session.agent}</span>
      </div>
      <div className={styles.middle}>
        <h3 className={styles.title}>{title}</h3>
      </div>
      {place.name && (
        <div className={styles.place} title={session.repo?.cwd ?? undefined}>
          <Icon name="folder" size={13} />
          <span>{place.name}</span>
          {place.branch && place.branch !== session.repo?.worktree_name && (
            <>
              <Icon name="branch" size={13} />
              <span>{place.branch}</span>
            </>
          )}
        </div>
      )}
      <div className={`${styles.line} ${styles.foot}`}>
        <code>{shortId(session.session_id, session.short_id)}</code>
        <span title={`${session.message_count} messages`}>
          <Icon name="message" size={12} />
          {session.message_count}
        </span>
        <span title={session.last_updated}>{timeAgo(session.last_updated, now)}</span>
      </div>
      <Handle type="source" position={Position.Bottom} className={styles.handle} isConnectable={false} />
    </article>
  )
}
