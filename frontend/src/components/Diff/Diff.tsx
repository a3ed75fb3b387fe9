import type { DiffLine } from '../../model/diff'
import styles from './Diff.module.css'

const CLASSES = { same: '', added: styles.added, removed: styles.removed, hunk: styles.hunk }
const NAMES = { same: undefined, added: 'added', removed: 'removed', hunk: undefined }
// More lines than anybody reads here would only make the page slow.
const MOST_LINES = 2000

/** Lines with what became of them. */
export function Diff({ lines, label }: { lines: DiffLine[]; label: string }) {
  return (
    <pre className={styles.diff} aria-label={label} tabIndex={0}>
      {lines.slice(0, MOST_LINES).map((line, place) => (
        <span key={place} className={`${styles.line} ${CLASSES[line.kind]}`} aria-description={NAMES[line.kind]}>
          {line.text || ' '}
        </span>
      ))}
      {lines.length > MOST_LINES && <span className={styles.line}>… {lines.length - MOST_LINES} more lines</span>}
    </pre>
  )
}
