/** Ids as people see them. */

const DIGITS_AT_CREATION = 12

/** The short id the daemon gave, or for records that came as events the digits that are unique from the start. */
export function shortId(id: string, given?: string | null): string {
  return given ?? id.replaceAll('-', '').slice(0, DIGITS_AT_CREATION)
}

/** A commit as git abbreviates it; `-dirty` is kept as `+`. */
export function shortSha(sha: string | null | undefined): string {
  if (!sha) return ''
  const isDirty = sha.endsWith('-dirty')
  return sha.slice(0, 7) + (isDirty ? '+' : '')
}
