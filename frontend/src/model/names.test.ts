import { expect, it } from 'vitest'
import { byName } from './names'

it('takes numbers in names for numbers', () => {
  expect(['w10', 'w2', 'w0', 'w1'].sort(byName)).toEqual(['w0', 'w1', 'w2', 'w10'])
  expect(['fix-12b', 'fix-2', 'Fix-3', 'docs'].sort(byName)).toEqual(['docs', 'fix-2', 'Fix-3', 'fix-12b'])
})

it('never puts names that differ in the same place', () => {
  expect(byName('w1', 'w01')).toBe(-byName('w01', 'w1'))
  expect(byName('w1', 'w01')).not.toBe(0)
  expect(byName('w1', 'w1')).toBe(0)
})
