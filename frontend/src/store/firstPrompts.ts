/** The first prompts of sessions that nobody gave a title: read once each. */
import { app } from '../contract/client'

const known = new Map<string, string>()
const asked = new Map<string, Promise<string | null>>()

/** The first line of the session's first prompt if it is known already. */
export const knownFirstPrompt = (sessionId: string): string | null => known.get(sessionId) ?? null

/** The same, asked for at most once at a time; null while there is none. */
export function firstPrompt(sessionId: string): Promise<string | null> {
  const asking = asked.get(sessionId) ?? read(sessionId)
  asked.set(sessionId, asking)
  return asking
}

async function read(sessionId: string): Promise<string | null> {
  try {
    const page = await app
      .service('tasks')
      .find({ query: { session_id: sessionId, $limit: 1, $sort: { created_at: 1 } } })
    const description = page.data[0]?.description ?? null
    if (description) known.set(sessionId, description)
    return description
  } catch {
    return null // the next change of the session asks again
  } finally {
    asked.delete(sessionId)
  }
}

/** What one user could read is not for the next. */
export const forgetFirstPrompts = (): void => known.clear()
