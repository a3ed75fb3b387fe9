/** Where a repository comes from, as people write it, and how far it has come. */

/** A path on the daemon's machine stays where it is; everything else is fetched. */
export function repoSource(text: string): { local_path: string } | { url: string } | null {
  const source = text.trim()
  if (source === '') return null
  return /^([/\\~]|[A-Za-z]:[\\/])/.test(source) ? { local_path: source } : { url: source }
}

/** What the daemon tells of a clone under way. */
export interface CloneProgress {
  repo_id: string
  stage: string
  done: number
  total: number
  percent: number
  received_bytes: number
}

/** One line: `Receiving objects: 1200 of 3400, 2.1 MB`. */
export function progressLine({ stage, done, total, received_bytes: bytes }: CloneProgress): string {
  const amount = total > 0 ? `: ${done} of ${total}` : ''
  return stage + amount + (bytes > 0 ? `, ${byteText(bytes)}` : '')
}

function byteText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(0)} kB`
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`
  return `${(bytes / 1_000_000_000).toFixed(2)} GB`
}
