/** Where cards stand on a board: their own position, or a place in the tree of forks and spawns. */

export interface Point {
  x: number
  y: number
}

export interface LayoutItem {
  id: string
  /** The card it hangs under, if that one is on the board too. */
  parent: string | null
  position: Point | null
}

export const CARD = { width: 300, height: 168 } as const
const GAP = { x: 40, y: 70 } as const
const STEP = { x: CARD.width + GAP.x, y: CARD.height + GAP.y } as const
const LEAST_COLUMNS = 4
// Rows for each column before a board gets twice as many columns, which moves every card: it should be rare.
const TALLEST = 1.5

/**
 * A place for each item. They come in the order in which they are read, so that a new one at the end moves no other.
 *
 * Trees stand side by side in columns about as wide as a screen, each as far up as there is room; children stand under
 * their parent. An item with a position
 * of its own keeps it, and its children without one follow it. No two cards that were placed here overlap.
 */
export function layOut(items: readonly LayoutItem[]): Map<string, Point> {
  const children = childrenByParent(items)
  const tree = treePlaces(items, children)
  const placed = new Map<string, Point>()
  for (const item of items) if (item.position) placed.set(item.id, item.position)
  const taken = new Taken(placed.values())

  const place = (item: LayoutItem, parent: LayoutItem | null): void => {
    if (!item.position) {
      const own = tree.get(item.id)!
      const parentAt = parent && placed.get(parent.id)
      const wish = parentAt ? plus(parentAt, minus(own, tree.get(parent.id)!)) : own
      const free = taken.firstFree(wish)
      placed.set(item.id, free)
      taken.add(free)
    }
    for (const child of children.get(item.id) ?? []) place(child, item)
  }
  for (const root of children.get(null) ?? []) place(root, null)
  return placed
}

/** The card one arrow key away from `from`: the nearest one in that direction, or null. */
export function neighbour(
  places: ReadonlyMap<string, Point>,
  from: string,
  direction: 'left' | 'right' | 'up' | 'down',
): string | null {
  const here = places.get(from)
  if (!here) return null
  let best: string | null = null
  let bestCost = Infinity
  for (const [id, there] of places) {
    const { x, y } = minus(there, here)
    const [ahead, aside] = { left: [-x, y], right: [x, y], up: [-y, x], down: [y, x] }[direction] as [number, number]
    // What lies aside counts double, so that the arrow goes where it points.
    const cost = ahead + 2 * Math.abs(aside)
    if (id !== from && ahead > 0 && cost < bestCost) [best, bestCost] = [id, cost]
  }
  return best
}

const MARGIN = 80

/**
 * Where the middle of a view of this size (on the board's scale) should be so that the card at `at` is in it.
 *
 * Near to the card's middle, without empty plane before the first card, and beginning with a card that is whole: what
 * has no room is cut where one reads on, at the right and below.
 */
export function viewCenter(places: Iterable<Point>, at: Point, view: { width: number; height: number }): Point {
  const all = [...places]
  const middle = (axis: 'x' | 'y', card: number, size: number): number => {
    const starts = all.map((place) => place[axis] - MARGIN).sort((a, b) => a - b)
    const first = starts[0]!
    const last = starts.at(-1)! + card + 2 * MARGIN - size
    if (first > last) return (first + last + size) / 2
    const wish = Math.min(last, Math.max(first, at[axis] + (card - size) / 2))
    const showsIt = (start: number): boolean => at[axis] + card <= start + size
    const before = starts.findLast((start) => start <= wish)!
    const start = showsIt(before) ? before : (starts.find((one) => one > wish && showsIt(one)) ?? wish)
    return Math.min(start, at[axis]) + size / 2
  }
  return { x: middle('x', CARD.width, view.width), y: middle('y', CARD.height, view.height) }
}

function childrenByParent(items: readonly LayoutItem[]): Map<string | null, LayoutItem[]> {
  const known = new Set(items.map((item) => item.id))
  const children = new Map<string | null, LayoutItem[]>()
  for (const item of items) {
    const parent = item.parent !== null && known.has(item.parent) && item.parent !== item.id ? item.parent : null
    children.set(parent, [...(children.get(parent) ?? []), item])
  }
  return children
}

function treePlaces(items: readonly LayoutItem[], children: Map<string | null, LayoutItem[]>): Map<string, Point> {
  const places = new Map<string, Point>()
  let columns = LEAST_COLUMNS
  while (columns * columns * TALLEST < items.length) columns *= 2
  const heights = new Array<number>(columns).fill(0)
  for (const root of children.get(null) ?? []) {
    const block = treeBlock(root, children)
    // A tree that is wider than all columns stands out to the right of them, where nothing else is put.
    const width = Math.min(block.columns, columns)
    const rowAt = (column: number): number => Math.max(...heights.slice(column, column + width))
    let column = 0
    for (let other = 1; other + width <= columns; other++) if (rowAt(other) < rowAt(column)) column = other
    const row = rowAt(column)
    for (const [id, cell] of block.cells) places.set(id, { x: (column + cell.x) * STEP.x, y: (row + cell.y) * STEP.y })
    heights.fill(row + block.rows, column, column + width)
  }
  return places
}

interface Block {
  columns: number
  rows: number
  cells: Map<string, Point>
}

function treeBlock(root: LayoutItem, children: Map<string | null, LayoutItem[]>): Block {
  const cells = new Map<string, Point>()
  let rows = 0
  const visit = (item: LayoutItem, column: number, row: number): number => {
    rows = Math.max(rows, row + 1)
    const below = children.get(item.id) ?? []
    let width = 0
    for (const child of below) width += visit(child, column + width, row + 1)
    cells.set(item.id, { x: column + Math.max(0, width - 1) / 2, y: row })
    return Math.max(1, width)
  }
  const columns = visit(root, 0, 0)
  return { columns, rows, cells }
}

/** Places that are taken, in buckets of a card's size, so that a thousand cards are placed in no time. */
class Taken {
  private readonly buckets = new Map<string, Point[]>()

  constructor(points: Iterable<Point>) {
    for (const point of points) this.add(point)
  }

  add(point: Point): void {
    const key = bucketOf(point.x, point.y)
    this.buckets.set(key, [...(this.buckets.get(key) ?? []), point])
  }

  /** `wish`, or the first place to its right that is free. */
  firstFree(wish: Point): Point {
    let at = wish
    for (let blocker = this.blockerOf(at); blocker; blocker = this.blockerOf(at))
      at = { x: blocker.x + STEP.x, y: at.y }
    return at
  }

  private blockerOf(at: Point): Point | undefined {
    for (const dx of [-CARD.width, 0, CARD.width]) {
      for (const dy of [-CARD.height, 0, CARD.height]) {
        const found = this.buckets.get(bucketOf(at.x + dx, at.y + dy))?.find((other) => overlap(at, other))
        if (found) return found
      }
    }
    return undefined
  }
}

const bucketOf = (x: number, y: number): string => `${Math.floor(x / CARD.width)}:${Math.floor(y / CARD.height)}`
const overlap = (a: Point, b: Point): boolean => Math.abs(a.x - b.x) < CARD.width && Math.abs(a.y - b.y) < CARD.height
const plus = (a: Point, b: Point): Point => ({ x: a.x + b.x, y: a.y + b.y })
const minus = (a: Point, b: Point): Point => ({ x: a.x - b.x, y: a.y - b.y })
