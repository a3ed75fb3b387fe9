import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Pace } from './pace'

let steps: number
let tookMs: number
let pace: Pace

beforeEach(() => {
  vi.useFakeTimers()
  steps = tookMs = 0
  pace = new Pace(() => {
    steps += 1
    const began = performance.now()
    vi.setSystemTime(Date.now() + tookMs)
    vi.spyOn(performance, 'now').mockReturnValueOnce(began + tookMs)
  })
})

afterEach(() => void vi.useRealTimers())

it('begins at once, and makes one step of all that is asked while it rests', () => {
  for (let time = 0; time < 5; time++) pace.ask()
  expect(steps).toBe(1)
  vi.advanceTimersByTime(100)
  expect(steps).toBe(2)
  vi.advanceTimersByTime(1000)
  expect(steps).toBe(2)
  pace.ask()
  expect(steps).toBe(3)
})

it('rests for as long as a step took', () => {
  tookMs = 500
  pace.ask()
  pace.ask()
  vi.advanceTimersByTime(499)
  expect(steps).toBe(1)
  vi.advanceTimersByTime(10)
  expect(steps).toBe(2)
})

it('takes no rest while there is no time for one', () => {
  let isUrgent = false
  let taken = 0
  const urgent = new Pace(
    () => taken++,
    () => isUrgent,
  )
  urgent.ask()
  urgent.ask()
  isUrgent = true
  urgent.ask()
  urgent.ask()
  expect(taken).toBe(3)
  vi.advanceTimersByTime(100)
  expect(taken).toBe(3)
})
