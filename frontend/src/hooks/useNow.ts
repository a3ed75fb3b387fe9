import { useSyncExternalStore } from 'react'

const TICK_MS = 30_000

let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  now = timer ? now : Date.now()
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of [...listeners]) each()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The time in milliseconds, moving every half minute; one clock for all who show an age. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}
