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

function focusCard(id: string): boolean {
  const card = document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`)
  card?.focus({ preventScroll: true })
  return card !== null
}

/** Enter opens the focused card, an arrow goes to the next one, Alt and an arrow moves it. */
export function useBoardKeys(
  places: ReadonlyMap<string, Point>,
  move: (id: string, position: Point) => Promise<void>,
  reveal: (at: Point) => Promise<void>,
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
      const isRevealed = reveal(there)
      // At once, so that the next key goes on from there. A card out of sight may not be in the page until it is in sight.
      if (!focusCard(next)) void isRevealed.then(() => requestAnimationFrame(() => focusCard(next)))
    },
    [places, move, reveal],
  )
}
