import { describe, expect, it } from 'vitest'
import { Seen, type Shelf } from './seen'

class FakeShelf implements Shelf {
  readonly kept = new Map<string, string>()
  getItem = (key: string): string | null => this.kept.get(key) ?? null
  setItem = (key: string, value: string): void => void this.kept.set(key, value)
}

const NOW = Date.parse('2026-03-10T12:00:00.000Z')
const DAY_MS = 24 * 60 * 60 * 1000

describe('what was looked at', () => {
  it('is kept for the next time, and never goes back', () => {
    const shelf = new FakeShelf()
    const first = new Seen('k', shelf, NOW)
    first.mark([['a', '2026-03-10T10:00:00.000Z']])
    first.mark([['a', '2026-03-10T09:00:00.000Z']])
    const second = new Seen('k', shelf, NOW)
    expect(second.until('a')).toBe('2026-03-10T10:00:00.000Z')
    expect(second.until('b')).toBeNull()
  })

  it('joins what another tab has looked at', () => {
    const shelf = new FakeShelf()
    const one = new Seen('k', shelf, NOW)
    const other = new Seen('k', shelf, NOW)
    one.mark([['a', '2026-03-10T10:00:00.000Z']])
    other.mark([['b', '2026-03-10T10:00:00.000Z']])
    one.reload()
    expect([one.until('a'), one.until('b')]).toEqual(['2026-03-10T10:00:00.000Z', '2026-03-10T10:00:00.000Z'])
  })

  it('begins a day before the first visit, and a week ago later on', () => {
    const shelf = new FakeShelf()
    const first = new Seen('k', shelf, NOW)
    expect(first.newsBegins).toBe('2026-03-09T12:00:00.000Z')
    first.mark([['a', '2026-03-10T10:00:00.000Z']])
    expect(new Seen('k', shelf, NOW + 30 * DAY_MS).newsBegins).toBe('2026-04-02T12:00:00.000Z')
  })

  it('tells those who listen only of changes', () => {
    const seen = new Seen('k', new FakeShelf(), NOW)
    let told = 0
    seen.subscribe(() => told++)
    seen.mark([['a', '2026-03-10T10:00:00.000Z']])
    seen.mark([['a', '2026-03-10T10:00:00.000Z']])
    expect(told).toBe(1)
  })

  it('takes a damaged or full storage for an empty one', () => {
    const shelf: Shelf = {
      getItem: () => '{"since":',
      setItem: () => {
        throw new Error('QuotaExceededError')
      },
    }
    const seen = new Seen('k', shelf, NOW)
    seen.mark([['a', '2026-03-10T10:00:00.000Z']])
    expect(seen.until('a')).toBe('2026-03-10T10:00:00.000Z')
  })
})
