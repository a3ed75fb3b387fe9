import { useCallback, useState } from 'react'
import { errorText } from '../model/errors'

export interface Action<Arguments extends unknown[]> {
  run: (...given: Arguments) => Promise<boolean>
  isBusy: boolean
  error: string | null
  clearError: () => void
}

/** A call to the daemon that a person started: whether it is under way, and what it was refused with. `run` tells success. */
export function useAction<Arguments extends unknown[]>(
  call: (...given: Arguments) => Promise<unknown>,
): Action<Arguments> {
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const run = useCallback(
    async (...given: Arguments): Promise<boolean> => {
      setBusy(true)
      setError(null)
      try {
        await call(...given)
        return true
      } catch (refusal) {
        setError(errorText(refusal))
        return false
      } finally {
        setBusy(false)
      }
    },
    [call],
  )
  const clearError = useCallback(() => setError(null), [])
  return { run, isBusy, error, clearError }
}
