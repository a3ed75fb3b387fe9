/** When those who show records are told what became of them. */
import { Pace } from './pace'

/** Has this done with the next step; once, however often it is asked for until then. */
export type Soon = (step: () => void) => void

/**
 * All that is asked for at once is one step, and while there is much of it, steps come as often as the page can draw
 * them. A page that is out of sight draws nothing, and its timers are late: there, what happens counts when it happens.
 */
export class Turns {
  private waiting = new Set<() => void>()
  private isAsked = false
  private readonly pace = new Pace(
    () => this.take(),
    () => document.visibilityState === 'hidden',
  )

  soon: Soon = (step) => {
    this.waiting.add(step)
    if (this.isAsked) return
    this.isAsked = true
    // One event is news for several: the first of them shall not be a step before the others.
    queueMicrotask(() => {
      this.isAsked = false
      this.pace.ask()
    })
  }

  private take(): void {
    const steps = this.waiting
    this.waiting = new Set()
    for (const step of steps) step()
  }
}
