import { describe, expect, it } from 'vitest'
import { inOrder, moved } from './queue'

const task = (id: string) => ({ task_id: id })

describe('waiting prompts', () => {
  it('stand in the order the daemon runs them, new ones at the end as they came', () => {
    const ids = inOrder(['a', 'b', 'c', 'd'].map(task), ['c', 'gone', 'a']).map((each) => each.task_id)
    expect(ids).toEqual(['c', 'a', 'b', 'd'])
  })

  it.each<[string, string | number, string[]]>([
    ['b', -1, ['b', 'a', 'c']],
    ['b', 1, ['a', 'c', 'b']],
    ['a', 'c', ['b', 'c', 'a']],
    ['c', 'a', ['c', 'a', 'b']],
  ])('%s moves by or to %s', (id, to, expected) => {
    expect(moved(['a', 'b', 'c'], id, to)).toEqual(expected)
  })

  it.each<[string, string | number]>([
    ['a', -1],
    ['c', 1],
    ['x', 1],
    ['a', 'x'],
    ['a', 'a'],
  ])('%s does not move by or to %s', (id, to) => {
    const order = ['a', 'b', 'c']
    expect(moved(order, id, to)).toBe(order)
  })
})
