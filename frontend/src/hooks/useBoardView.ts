import { useReactFlow } from '@xyflow/react'
import { type RefObject, useCallback } from 'react'
import { CARD, type Point, viewCenter } from '../model/layout'

/** Moves the board under the view: `show` always, `reveal` only for a card that is not whole in sight. */
export function useBoardView(canvas: RefObject<HTMLDivElement | null>, places: ReadonlyMap<string, Point>) {
  const flow = useReactFlow()
  const show = useCallback(
    (at: Point | undefined, zoom: number) => {
      const { clientWidth: width = 0, clientHeight: height = 0 } = canvas.current ?? {}
      if (!at || width === 0) return
      const center = viewCenter(places.values(), at, { width: width / zoom, height: height / zoom })
      void flow.setCenter(center.x, center.y, { zoom, duration: 150 })
    },
    [canvas, places, flow],
  )
  const reveal = useCallback(
    (at: Point | undefined) => {
      const box = canvas.current?.getBoundingClientRect()
      if (!at || !box) return
      const start = flow.flowToScreenPosition(at)
      const end = flow.flowToScreenPosition({ x: at.x + CARD.width, y: at.y + CARD.height })
      if (start.x < box.left || start.y < box.top || end.x > box.right || end.y > box.bottom) show(at, flow.getZoom())
    },
    [canvas, flow, show],
  )
  return { show, reveal }
}
