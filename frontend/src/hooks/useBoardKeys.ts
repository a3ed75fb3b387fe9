import { type KeyboardEvent, useCallback } from 'react'
import { neighbour, type Point } from '../model/layout'
import { goTo } from './useRoute'

const KEY_STEP_PX = 20
const DIRECTIONS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' } as const
const STEPS = {
  left: { x: -KEY_STEP_PX, y: 0 },
  right: { x: KEY_STEP_PX, y: 0 },
  up: { x: 0, y: -KEY_STEP_PX },
  down: { x: 0, y: KEY_STEP_PX },
}

/** Enter opens the focused card, an arrow goes to the next one, Alt and an arrow moves it. */
export function useBoardKeys(
  places: ReadonlyMap<string, Point>,
  move: (id: string, position: Point) => Promise<void>,
  reveal: (at: Point) => void,
) {
  return useCallback(
    (event: KeyboardEvent) => {
      const card = (event.target as HTMLElement).closest<HTMLElement>('.react-flow__node')
      const id = card?.dataset['id']
      if (!card || !id) return
      if (event.key === 'Enter') return goTo({ name: 'session', id })
      const direction = DIRECTIONS[event.key as keyof typeof DIRECTIONS]
      const here = places.get(id)
      if (!direction || !here) return
      event.preventDefault()
      if (event.altKey) {
        void move(id, { x: here.x + STEPS[direction].x, y: here.y + STEPS[direction].y })
        return
      }
      const next = neighbour(places, id, direction)
      const there = next && places.get(next)
      if (!next || !there) return
      reveal(there)
      // The next card may have been out of sight, and so not in the page yet.
      requestAnimationFrame(() =>
        requestAnimationFrame(() =>
          document
            .querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)
            ?.focus({ preventScroll: true }),
        ),
      )
    },
    [places, move, reveal],
  )
}
