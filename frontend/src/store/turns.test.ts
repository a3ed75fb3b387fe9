import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { settled } from './testing'
import { Turns } from './turns'

let visibilityState: string
let turns: Turns
let steps: string[]
const first = (): void => void steps.push('first')
const second = (): void => void steps.push('second')

beforeEach(() => {
  vi.useFakeTimers()
  visibilityState = 'visible'
  vi.stubGlobal('document', {
    get visibilityState() {
      return visibilityState
    },
  })
  turns = new Turns()
  steps = []
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

it('makes one step of all that one event is news for, without waiting', async () => {
  turns.soon(first)
  turns.soon(second)
  turns.soon(first)
  expect(steps).toEqual([])
  await settled()
  expect(steps).toEqual(['first', 'second'])
})

it('collects until the page has drawn the last step', async () => {
  turns.soon(first)
  await settled()
  for (let event = 0; event < 2000; event++) {
    turns.soon(second)
    await settled()
  }
  expect(steps).toEqual(['first'])
  vi.advanceTimersByTime(100)
  expect(steps).toEqual(['first', 'second'])
})

it('waits for no drawing where nothing is drawn', async () => {
  visibilityState = 'hidden'
  turns.soon(first)
  await settled()
  turns.soon(second)
  await settled()
  expect(steps).toEqual(['first', 'second'])
})
