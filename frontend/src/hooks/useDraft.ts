import { useCallback, useState } from 'react'

/** Text that survives leaving the view and reloading the page, until it is sent. */
export function useDraft(key: string): [string, (text: string) => void] {
  const name = `agor-draft-${key}`
  const [text, setText] = useState(() => sessionStorage.getItem(name) ?? '')
  const keep = useCallback(
    (changed: string) => {
      setText(changed)
      if (changed === '') sessionStorage.removeItem(name)
      else sessionStorage.setItem(name, changed)
    },
    [name],
  )
  return [text, keep]
}
