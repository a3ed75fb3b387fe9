import { describe, expect, it } from 'vitest'
import { formatRoute, parseRoute, type Route } from './route'

describe('routes', () => {
  it.each<[string, Route]>([
    ['', { name: 'home' }],
    ['#/', { name: 'home' }],
    ['#/boards/default', { name: 'board', slug: 'default' }],
    ['#/sessions/0192', { name: 'session', id: '0192' }],
    ['#/repos', { name: 'repos' }],
    ['#/boards/a%20b', { name: 'board', slug: 'a b' }],
    ['#/boards/%E0%A4%A', { name: 'board', slug: '%E0%A4%A' }],
    ['#/boards', { name: 'unknown', path: '/boards' }],
    ['#/sessions/1/2', { name: 'unknown', path: '/sessions/1/2' }],
  ])('%s is read as %o', (fragment, route) => {
    expect(parseRoute(fragment)).toEqual(route)
  })

  it('come back from the address as they went in, whatever is in a slug', () => {
    const route: Route = { name: 'board', slug: 'owner/name #1?' }
    expect(parseRoute(formatRoute(route))).toEqual(route)
  })
})
