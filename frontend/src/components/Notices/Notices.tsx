import { Notification } from '@mantine/core'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { currentNotices, dismissNotice, type Notice, subscribeNotices } from '../../store/notices'
import styles from './Notices.module.css'

const SHOWN_MS = 8_000

/** What was said lately, in a corner; each goes by itself, but not while somebody is at it. */
export function Notices() {
  const notices = useSyncExternalStore(subscribeNotices, currentNotices)
  return (
    // There before the first notice, so that screen readers watch it.
    <div className={styles.corner} role="status" aria-label="Notices">
      {notices.map((notice) => (
        <OneNotice key={notice.id} notice={notice} />
      ))}
    </div>
  )
}

function OneNotice({ notice: { id, color, title, message } }: { notice: Notice }) {
  const [isHeld, setIsHeld] = useState(false)
  useEffect(() => {
    if (isHeld) return
    const timer = setTimeout(() => dismissNotice(id), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [id, isHeld])
  return (
    <Notification
      role="group"
      color={color}
      title={title}
      withBorder
      closeButtonProps={{ 'aria-label': 'Close' }}
      onClose={() => dismissNotice(id)}
      onPointerEnter={() => setIsHeld(true)}
      onPointerLeave={() => setIsHeld(false)}
      onFocus={() => setIsHeld(true)}
      onBlur={() => setIsHeld(false)}
    >
      {message}
    </Notification>
  )
}
