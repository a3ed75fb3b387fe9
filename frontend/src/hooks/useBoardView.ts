import { useReactFlow } from '@xyflow/react'
import { type RefObject, useCallback } from 'react'
import { CARD, type Point, viewCenter } from '../model/layout'

/**
 * Moves the board under the view: `show` always, `reveal` only for a card that is not whole in sight. What they return
 * resolves when the card is where it is to be seen.
 */
export function useBoardView(canvas: RefObject<HTMLDivElement | null>, places: ReadonlyMap<string, Point>) {
  const flow = useReactFlow()
  const show = useCallback(
    async (at: Point | undefined, zoom: number): Promise<void> => {
      const { clientWidth: width = 0, clientHeight: height = 0 } = canvas.current ?? {}
      if (!at || width === 0) return
      const center = viewCenter(places.values(), at, { width: width / zoom, height: height / zoom })
      await flow.setCenter(center.x, center.y, { zoom, duration: 150 })
    },
    [canvas, places, flow],
  )
  const reveal = useCallback(
    async (at: Point | undefined): Promise<void> => {
      const box = canvas.current?.getBoundingClientRect()
      if (!at || !box) return
      const start = flow.flowToScreenPosition(at)
      const end = flow.flowToScreenPosition({ x: at.x + CARD.width, y: at.y + CARD.height })
      if (start.x < box.left || start.y < box.top || end.x > box.right || end.y > box.bottom)
        await show(at, flow.getZoom())
    },
    [canvas, flow, show],
  )
  return { show, reveal }
}
