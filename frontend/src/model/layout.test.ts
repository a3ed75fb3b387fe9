import { describe, expect, it } from 'vitest'
import { CARD, layOut, type LayoutItem, neighbour, type Point, viewCenter } from './layout'

const item = (id: string, parent: string | null = null, position: Point | null = null): LayoutItem => ({
  id,
  parent,
  position,
})

function overlaps(places: Map<string, Point>): string[] {
  const all = [...places]
  return all.flatMap(([a, p], place) =>
    all
      .slice(place + 1)
      .filter(([, q]) => Math.abs(p.x - q.x) < CARD.width && Math.abs(p.y - q.y) < CARD.height)
      .map(([b]) => `${a}/${b}`),
  )
}

describe('layOut', () => {
  it('puts children under their parent, side by side, and the parent over their middle', () => {
    const places = layOut([item('root'), item('a', 'root'), item('b', 'root')])
    const [root, a, b] = ['root', 'a', 'b'].map((id) => places.get(id)!) as [Point, Point, Point]
    expect(a.y).toBe(b.y)
    expect(a.y).toBeGreaterThan(root.y + CARD.height)
    expect(root.x).toBe((a.x + b.x) / 2)
  })

  it('keeps what has a position where it is, and its children follow it', () => {
    const places = layOut([item('root', null, { x: 5000, y: 700 }), item('child', 'root')])
    expect(places.get('root')).toEqual({ x: 5000, y: 700 })
    expect(places.get('child')!.x).toBe(5000)
    expect(places.get('child')!.y).toBeGreaterThan(700)
  })

  it('never lays one card over another, not even over those a person moved', () => {
    const moved = Array.from({ length: 6 }, (_, n) => item(`moved${n}`, null, { x: n * 410, y: 30 }))
    const trees = Array.from({ length: 60 }, (_, n) => item(`s${n}`, n % 3 === 0 ? null : `s${n - 1}`))
    expect(overlaps(layOut([...moved, ...trees]))).toEqual([])
  })

  it('moves no card when a session is added', () => {
    const before = Array.from({ length: 17 }, (_, n) => item(String(n)))
    const after = layOut([...before, item('new')])
    expect(
      [...layOut(before)].filter(([id, place]) => after.get(id)!.x !== place.x || after.get(id)!.y !== place.y),
    ).toEqual([])
  })

  it('leaves no hole beside a tall tree', () => {
    const tall = Array.from({ length: 5 }, (_, n) => item(`tall${n}`, n === 0 ? null : `tall${n - 1}`))
    const wide = Array.from({ length: 9 }, (_, n) => item(`wide${n}`, n === 0 ? null : 'wide0'))
    const places = layOut([...tall, ...Array.from({ length: 6 }, (_, n) => item(`s${n}`)), ...wide])
    const rowOf = (id: string): number => places.get(id)!.y
    expect(['s0', 's1', 's2'].map(rowOf)).toEqual([0, 0, 0])
    expect(rowOf('s3')).toBe(rowOf('tall1'))
    expect(rowOf('wide0')).toBeGreaterThan(rowOf('tall4'))
    expect(overlaps(places)).toEqual([])
  })

  it('does not hang a card under one that is on another board', () => {
    expect([...layOut([item('a', 'elsewhere')]).keys()]).toEqual(['a'])
  })

  it('breaks a thousand cards into rows, so that the board is about as wide as a screen', () => {
    const places = [...layOut(Array.from({ length: 1000 }, (_, n) => item(String(n)))).values()]
    const width = Math.max(...places.map((place) => place.x))
    const height = Math.max(...places.map((place) => place.y))
    expect(width / height).toBeGreaterThan(1)
    expect(width / height).toBeLessThan(4)
  })
})

describe('neighbour', () => {
  const places = new Map([
    ['here', { x: 0, y: 0 }],
    ['right', { x: 340, y: 10 }],
    ['far right', { x: 680, y: 0 }],
    ['below', { x: -20, y: 240 }],
  ])

  it('is the nearest card in the direction of the arrow', () => {
    expect(neighbour(places, 'here', 'right')).toBe('right')
    expect(neighbour(places, 'here', 'down')).toBe('below')
    expect(neighbour(places, 'far right', 'left')).toBe('right')
  })

  it('is nobody at the edge', () => {
    expect(neighbour(places, 'far right', 'right')).toBeNull()
  })
})

describe('viewCenter', () => {
  const row = [0, 1000, 2000].map((x) => ({ x, y: 0 }))

  const startOf = (at: Point, width: number): number => viewCenter(row, at, { width, height: 600 }).x - width / 2

  it('begins with a whole card, and has the one that is sought in sight', () => {
    expect(startOf(row[1]!, 800)).toBe(1000 - 80)
    expect(startOf(row[1]!, 1500)).toBe(-80)
    expect(startOf(row[2]!, 1500)).toBe(1000 - 80)
    expect(startOf(row[2]!, 400)).toBe(2000 - 80)
  })

  it('shows a card from its beginning where there is no room for it', () => {
    expect(startOf(row[1]!, CARD.width - 50)).toBeLessThanOrEqual(1000)
    expect(startOf(row[1]!, CARD.width - 50)).toBeGreaterThan(1000 - 80)
  })

  it('shows no empty plane beside the first card', () => {
    expect(viewCenter(row, row[0]!, { width: 800, height: 600 }).x).toBe(-80 + 400)
  })

  it('is the middle of a board that fits', () => {
    expect(viewCenter(row, row[0]!, { width: 5000, height: 900 })).toEqual({
      x: 1000 + CARD.width / 2,
      y: CARD.height / 2,
    })
  })
})
