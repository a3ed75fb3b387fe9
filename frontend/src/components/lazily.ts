/** Parts of the program that are fetched by themselves, with what happens when they cannot be. */
import { type ComponentType, lazy } from 'react'
import { connection } from '../store/stores'

type Load<Props> = () => Promise<{ default: ComponentType<Props> }>

const loads: (() => Promise<unknown>)[] = []

/** A component of a file of its own. While the daemon is away it is waited for, and fetched when it is back. */
export function lazily<Props>(load: Load<Props>) {
  loads.push(load)
  return lazy(() => load().catch(() => nextConnect().then(load)))
}

/** Fetch all of them, so that they are there at once, also while the daemon is away. */
export function preloadAll(): void {
  for (const load of loads) load().catch(() => undefined) // asked for again when it is shown
}

/** Resolves when calls are possible; at once where they are. */
async function nextConnect(): Promise<void> {
  if (connection.snapshot().link === 'connected') return
  await new Promise<void>((resolve) => {
    const forget = connection.onConnect(() => {
      forget()
      resolve()
    })
  })
}
