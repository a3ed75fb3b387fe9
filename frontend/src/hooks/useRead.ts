import { useCallback, useEffect, useState } from 'react'
import { connection } from '../store/stores'
import { errorText, isConnectionLoss } from '../model/errors'

export interface Reading<T> {
  value: T | null
  error: string | null
  again: () => void
}

/** What a call answers, read again on every new `load` and after the connection was lost. Keep `load` stable. */
export function useRead<T>(load: () => Promise<T>): Reading<T> {
  const [value, setValue] = useState<T | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [turn, setTurn] = useState(0)
  const again = useCallback(() => setTurn((count) => count + 1), [])
  useEffect(() => {
    let isCurrent = true
    setError(null)
    load().then(
      (answer) => isCurrent && setValue(() => answer),
      (refusal: unknown) => isCurrent && !isConnectionLoss(refusal) && setError(errorText(refusal)),
    )
    const forget = connection.onConnect(again)
    return () => {
      isCurrent = false
      forget()
    }
  }, [load, turn, again])
  return { value, error, again }
}
