import type { Session } from '../../contract/records'
import { useRecords } from '../../hooks/useCollection'
import { isBusy } from '../../model/status'
import { openQuestions } from '../../store/stores'
import styles from './PermissionPanel.module.css'
import { Question } from './Question'

/** The questions a session's agent waits on. */
export function PermissionPanel({ session }: { session: Session }) {
  const { records } = useRecords(openQuestions())
  const own = records.filter((request) => request.session_id === session.session_id)
  if (own.length === 0) return null
  return (
    <div className={styles.panel}>
      {own.map((request) => (
        <Question key={request.request_id} request={request} agent={session.agent} isInterrupted={!isBusy(session)} />
      ))}
    </div>
  )
}
