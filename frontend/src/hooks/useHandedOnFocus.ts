import { type RefObject, useLayoutEffect } from 'react'
import { focusAt, placeOf } from './focusPlace'

/** For what goes from the page while the focus is in it, as a question does with its answer: what is next gets the focus. */
export function useHandedOnFocus(ref: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    // A button that is disabled while its call is under way loses the focus without a word: it counts as there.
    let isIn = element.contains(document.activeElement)
    const enter = (): void => void (isIn = true)
    const leave = ({ relatedTarget }: FocusEvent): void =>
      void (isIn = relatedTarget === null || element.contains(relatedTarget as Node))
    element.addEventListener('focusin', enter)
    element.addEventListener('focusout', leave)
    return () => {
      element.removeEventListener('focusin', enter)
      element.removeEventListener('focusout', leave)
      if (!isIn) return
      const place = placeOf(element)
      const dialog = element.closest('[role=dialog]')
      // Where the whole dialog goes, the focus goes back to what opened it.
      setTimeout(() => dialog?.isConnected !== false && focusAt(place))
    }
  }, [ref])
}
