/** What a session is called and where it comes from. */
import type { Session } from '../contract/records'

/** The record as this program keeps it; `short_id` is absent from events. */
export type ShownSession = Session & { short_id?: string | null }

const NO_TITLE = 'New session'

type Titled = Pick<Session, 'title' | 'description'>

/** Whether somebody said what the session is called or about. */
export const hasTitle = (session: Titled): boolean => Boolean(session.title?.trim() || session.description?.trim())

/** The title, else the first line of the description. */
export function titleOf(session: Titled): string {
  return session.title?.trim() || session.description?.trim().split('\n')[0] || NO_TITLE
}

/** The session this one was forked or spawned from, if any. */
export function originOf(session: Session): { id: string; kind: 'fork' | 'spawn' } | null {
  const forkedFrom = session.forked_from_session_id ?? session.genealogy?.forked_from_session_id
  if (forkedFrom) return { id: forkedFrom, kind: 'fork' }
  const parent = session.parent_session_id ?? session.genealogy?.parent_session_id
  return parent ? { id: parent, kind: 'spawn' } : null
}

/** Where the agent works: its repository, the worktree or subfolder there, and the branch; else the folder’s name. */
export function placeOf(session: Session): { name: string; branch: string } {
  const repo = session.repo
  const folder = repo?.cwd?.split('/').filter(Boolean).at(-1) ?? ''
  const inside = repo?.worktree_name ?? (repo?.subfolder && `./${repo.subfolder}`)
  const name = [repo?.repo_slug, inside].filter(Boolean).join(' · ') || folder
  return { name, branch: session.git_state?.ref ?? '' }
}

/** Of at least one session that to look at first: one that waits for an answer, else the one that changed last. */
export function firstToSee(sessions: readonly Session[]): Session {
  return (
    sessions.find((session) => session.status === 'awaiting_permission') ??
    sessions.reduce((latest, session) => (session.last_updated > latest.last_updated ? session : latest))
  )
}
