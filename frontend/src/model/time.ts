/** Times and amounts in few characters. */

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** How long before `now` (milliseconds) the ISO time was: `just now`, `5 min ago`, `3 h ago`, `12 d ago`. */
export function timeAgo(iso: string, now: number): string {
  const age = now - Date.parse(iso)
  if (age < MINUTE_MS) return 'just now'
  if (age < HOUR_MS) return `${Math.floor(age / MINUTE_MS)} min ago`
  if (age < DAY_MS) return `${Math.floor(age / HOUR_MS)} h ago`
  return `${Math.floor(age / DAY_MS)} d ago`
}

/** A moment as the clock on the wall shows it: `14:05`; on another day than `now` `Nov 26, 14:05`. */
export function clockTime(iso: string, now: number): string {
  const moment = new Date(iso)
  const time = moment.toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  if (moment.toDateString() === new Date(now).toDateString()) return time
  return `${moment.toLocaleDateString('en', { month: 'short', day: 'numeric' })}, ${time}`
}

/** A span: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < MINUTE_MS) return `${Math.round(ms / 1000)} s`
  if (ms < HOUR_MS) return joined(Math.floor(ms / MINUTE_MS), 'min', Math.floor((ms % MINUTE_MS) / 1000), 's')
  return joined(Math.floor(ms / HOUR_MS), 'h', Math.floor((ms % HOUR_MS) / MINUTE_MS), 'min')
}

/** A count: `950`, `1.2k`, `34k`, `1.5M`. */
export function compact(count: number): string {
  if (count < 1000) return String(count)
  if (count < 999_500) return `${trimmed(count / 1000)}k`
  return `${trimmed(count / 1_000_000)}M`
}

/** Money in US dollars; below a cent with the digits that say something, and nothing for nothing. */
export function dollars(amount: number): string {
  if (amount <= 0) return ''
  return amount < 0.01 ? `$${amount.toPrecision(1)}` : `$${amount.toFixed(2)}`
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}

function trimmed(value: number): string {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(0)
}
