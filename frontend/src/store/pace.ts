/** For what changes faster than a slow page can draw it. */

// As often as a screen is drawn, there is no more to see.
const LEAST_REST_MS = 15

/**
 * Takes a step when it is asked to: at once, and then not again before the page has had as much time for other things
 * as the last step took. However often it was asked meanwhile, that is one step.
 */
export class Pace {
  private isAsked = false
  private isResting = false

  /** `isUrgent`: whether there is no time for a rest now. */
  constructor(
    private readonly step: () => void,
    private readonly isUrgent: () => boolean = () => false,
  ) {}

  ask(): void {
    this.isAsked = true
    if (!this.isResting || this.isUrgent()) this.take()
  }

  private take(): void {
    this.isAsked = false
    const wasResting = this.isResting
    this.isResting = true
    const began = performance.now()
    this.step()
    if (wasResting) return
    // What the step changed is drawn by the time a timer comes.
    setTimeout(() => setTimeout(() => this.rested(), Math.max(LEAST_REST_MS, performance.now() - began)))
  }

  private rested(): void {
    this.isResting = false
    if (this.isAsked) this.take()
  }
}
