import { expect, it } from 'vitest'
import { clockTime, compact, dollars, duration, timeAgo } from './time'

it.each([
  [0, 'just now'],
  [59_000, 'just now'],
  [5 * 60_000, '5 min ago'],
  [3 * 3_600_000, '3 h ago'],
  [50 * 3_600_000, '2 d ago'],
  [-5_000, 'just now'], // the daemon's clock is ahead of this one
])('%i ms before now is “%s”', (age, text) => {
  const now = Date.parse('2026-01-10T12:00:00.000Z')
  expect(timeAgo(new Date(now - age).toISOString(), now)).toBe(text)
})

it.each([
  [400, '0.4 s'],
  [12_300, '12 s'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [3_600_000, '1 h'],
])('%i ms last “%s”', (ms, text) => expect(duration(ms)).toBe(text))

it.each([
  [950, '950'],
  [1_200, '1.2k'],
  [34_000, '34k'],
  [2_000, '2k'],
  [999_600, '1M'],
  [1_500_000, '1.5M'],
])('%i is “%s” in few characters', (count, text) => expect(compact(count)).toBe(text))

it.each([
  [0, ''],
  [0.004, '$0.004'],
  [1.5, '$1.50'],
])('%d dollars are “%s”', (amount, text) => expect(dollars(amount)).toBe(text))

it('a moment today is a time of day, on another day a date too', () => {
  const now = new Date(2026, 0, 10, 12, 0).getTime()
  expect(clockTime(new Date(2026, 0, 10, 14, 5).toISOString(), now)).toBe('14:05')
  expect(clockTime(new Date(2026, 0, 11, 9, 30).toISOString(), now)).toBe('Jan 11, 09:30')
})
