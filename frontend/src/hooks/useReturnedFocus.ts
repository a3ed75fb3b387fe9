import { useEffect, useState } from 'react'
import { focusAt, focusedPlace } from './focusPlace'

/** For what is opened over the page: when it goes, the focus is again where it was before. */
export function useReturnedFocus(): void {
  const [before] = useState(focusedPlace)
  useEffect(() => {
    // Only after a turn of the page: what was done in a dialog may take away what opened it.
    return () => void setTimeout(() => before && focusAt(before))
  }, [before])
}
