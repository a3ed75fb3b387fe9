import type { Session } from '../../contract/records'
import { useGenealogy } from '../../hooks/useGenealogy'
import { useTitle } from '../../hooks/useTitle'
import { formatRoute } from '../../model/route'
import { originOf } from '../../model/session'
import { Icon } from '../Icon/Icon'
import styles from './Conversation.module.css'

const MOST_SHOWN = 8

/** Where a session comes from, eldest first, and what came of it. Nothing for one that stands alone. */
export function Family({ session }: { session: Session }) {
  const { value } = useGenealogy(session.session_id)
  if (!value || (value.ancestors.length === 0 && value.children.length === 0)) return null
  const ancestors = eldestFirst(session, value.ancestors)
  return (
    <nav aria-label="Genealogy">
      {ancestors.length > 0 && (
        <ol className={styles.crumbs}>
          {ancestors.map((ancestor, place) => (
            <li key={ancestor.session_id}>
              <Relative session={ancestor} />
              <Origin session={ancestors[place + 1] ?? session} />
            </li>
          ))}
          <li aria-current="page">this</li>
        </ol>
      )}
      {value.children.length > 0 && (
        <ul className={styles.crumbs}>
          {value.children.slice(0, MOST_SHOWN).map((child) => (
            <li key={child.session_id}>
              <Origin session={child} />
              <Relative session={child} />
            </li>
          ))}
          {value.children.length > MOST_SHOWN && <li>and {value.children.length - MOST_SHOWN} more</li>}
        </ul>
      )}
    </nav>
  )
}

function Relative({ session }: { session: Session }) {
  return <a href={formatRoute({ name: 'session', id: session.session_id })}>{useTitle(session)}</a>
}

function Origin({ session }: { session: Session }) {
  const kind = originOf(session)?.kind ?? 'spawn'
  return (
    <span
      role="img"
      aria-label={kind === 'fork' ? 'forked to' : 'spawned'}
      title={kind === 'fork' ? 'forked to' : 'spawned'}
    >
      <Icon name={kind} size={13} />
    </span>
  )
}

/** The ancestors from the first to the nearest, whichever way round they came. */
function eldestFirst(session: Session, ancestors: Session[]): Session[] {
  const byId = new Map(ancestors.map((ancestor) => [ancestor.session_id, ancestor]))
  const line: Session[] = []
  let at = originOf(session)
  while (at && byId.has(at.id)) {
    const ancestor: Session = byId.get(at.id)!
    byId.delete(at.id)
    line.unshift(ancestor)
    at = originOf(ancestor)
  }
  return line
}
