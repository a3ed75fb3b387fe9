import { describe, expect, it } from 'vitest'
import { formatRoute, parseRoute, type Route } from './route'

describe('routes', () => {
  it.each<[string, Route]>([
    ['', { name: 'home' }],
    ['#/', { name: 'home' }],
    ['#/boards/default', { name: 'board', slug: 'default' }],
    ['#/sessions/0192', { name: 'session', id: '0192' }],
    ['#/repos', { name: 'repos' }],
    ['#/users', { name: 'users' }],
    ['#/sessions/0192/0193', { name: 'session', id: '0192', message: '0193' }],
    ['#/search/', { name: 'search', text: '', filters: {} }],
    ['#/search/two%20words', { name: 'search', text: 'two words', filters: {} }],
    ['#/search/a?agent=x&nonsense=1&who=', { name: 'search', text: 'a', filters: { agent: 'x' } }],
    ['#/boards/a%20b', { name: 'board', slug: 'a b' }],
    ['#/boards/%E0%A4%A', { name: 'board', slug: '%E0%A4%A' }],
    ['#/boards', { name: 'unknown', path: '/boards' }],
    ['#/sessions/1/2/3', { name: 'unknown', path: '/sessions/1/2/3' }],
  ])('%s is read as %o', (fragment, route) => {
    expect(parseRoute(fragment)).toEqual(route)
  })

  it.each<Route>([
    { name: 'board', slug: 'owner/name #1?' },
    { name: 'search', text: '"a/b?" 100%', filters: { agent: 'a&b=c', from: '2026-03-10' } },
    { name: 'session', id: '0192', message: '0193' },
  ])('%o comes back from the address as it went in', (route) => {
    expect(parseRoute(formatRoute(route))).toEqual(route)
  })
})
