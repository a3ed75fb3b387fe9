import type { StatusLook } from '../../model/status'
import styles from './StatusBadge.module.css'

/** A status in its colour; it pulses while something happens. */
export function StatusBadge({ look }: { look: StatusLook }) {
  return (
    <span className={styles.badge} style={{ color: `var(--mantine-color-${look.color}-text)` }}>
      <span className={look.isLive ? `${styles.dot} ${styles.live}` : styles.dot} />
      {look.label}
    </span>
  )
}
