import { elementScroll, type Virtualizer } from '@tanstack/react-virtual'
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'

// Closer to the end than this, the view follows what is written.
const FOLLOW_PX = 80

export interface Following {
  follows: boolean
  /** Follows from now on. */
  follow: () => void
  /** Goes to the end if the view follows: for a layout effect, whenever its contents have changed. */
  keepUp: () => void
  /** What a virtual list moves the view with, so that its movements are not taken for a person's. */
  scrollToFn: (
    offset: number,
    options: { adjustments?: number; behavior?: ScrollBehavior },
    list: Virtualizer<HTMLDivElement, Element>,
  ) => void
}

/**
 * A view that stays at its end, until a person moves it up from there.
 *
 * Only a person's own movement ends the following: what is written moves the end away, too. The event that tells of a
 * movement comes up to a frame later, and more may be written before it: so each step looks where the view is.
 */
export function useFollowing(scroller: RefObject<HTMLDivElement | null>, isFollowing: boolean): Following {
  const [follows, setFollows] = useState(isFollowing)
  // Where the view was last seen or put. Only a person brings it further up than that, unless that is the end.
  const top = useRef(0)
  const hasLeft = useCallback((view: HTMLElement) => !isAtEnd(view) && view.scrollTop < top.current - 1, [])

  const follow = useCallback(() => {
    top.current = 0
    setFollows(true)
  }, [])
  const keepUp = useCallback(() => {
    const view = scroller.current
    if (!view || !follows) return
    if (hasLeft(view)) return setFollows(false)
    view.scrollTop = view.scrollHeight
    top.current = view.scrollTop
  }, [scroller, follows, hasLeft])

  useEffect(() => {
    const view = scroller.current
    if (!view) return
    const look = (): void => {
      if (isAtEnd(view)) setFollows(true)
      else if (hasLeft(view)) setFollows(false)
      top.current = view.scrollTop
    }
    view.addEventListener('scroll', look, { passive: true })
    const resized = new ResizeObserver(look)
    resized.observe(view)
    return () => {
      view.removeEventListener('scroll', look)
      resized.disconnect()
    }
  }, [scroller, hasLeft])

  const scrollToFn = useCallback<Following['scrollToFn']>(
    (offset, options, list) => {
      const view = list.scrollElement
      if (!view) return
      const before = view.scrollTop
      // The list does not know of a movement that no event has told yet, either, and would undo it: it is given room for
      // what came in above, from where the view is.
      const above = options.adjustments === undefined ? Math.max(0, offset - top.current) : 0
      elementScroll(hasLeft(view) ? before + above : offset, options, list)
      top.current += view.scrollTop - before
    },
    [hasLeft],
  )
  return { follows, follow, keepUp, scrollToFn }
}

function isAtEnd(view: HTMLElement): boolean {
  return view.scrollHeight - view.scrollTop - view.clientHeight < FOLLOW_PX
}
