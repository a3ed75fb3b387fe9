import { expect, it } from 'vitest'
import type { Session } from '../contract/records'
import { firstToSee, originOf, placeOf, titleOf } from './session'

const session = (given: object): Session => given as unknown as Session

it('a session is called by its title, else by the first line of its description', () => {
  expect(titleOf({ title: 'Fix it', description: 'long prompt' })).toBe('Fix it')
  expect(titleOf({ title: ' ', description: 'add a README\nplease' })).toBe('add a README')
  expect(titleOf({ title: null, description: null })).toBe('New session')
})

it('a session comes from a fork, from a spawn, or from nowhere', () => {
  expect(originOf(session({ forked_from_session_id: 'a' }))).toEqual({ id: 'a', kind: 'fork' })
  expect(originOf(session({ genealogy: { parent_session_id: 'b' } }))).toEqual({ id: 'b', kind: 'spawn' })
  expect(originOf(session({}))).toBeNull()
})

it('a session’s place is its worktree and branch, else the folder it works in', () => {
  const managed = { repo: { repo_slug: 'me/app', worktree_name: 'try' }, git_state: { ref: 'try' } }
  expect(placeOf(session(managed))).toEqual({ name: 'me/app · try', branch: 'try' })
  expect(placeOf(session({ repo: { cwd: '/home/me/app/' } }))).toEqual({ name: 'app', branch: '' })
  expect(placeOf(session({}))).toEqual({ name: '', branch: '' })
})

it('a session in a repository’s own folder is at the repository, and where in it', () => {
  const root = { repo_slug: 'me/app', worktree_name: null, cwd: '/home/me/shop', subfolder: null }
  const git_state = { ref: 'main' }
  expect(placeOf(session({ repo: root, git_state }))).toEqual({ name: 'me/app', branch: 'main' })
  const below = { ...root, cwd: '/home/me/shop/web/src', subfolder: 'web/src' }
  expect(placeOf(session({ repo: below, git_state }))).toEqual({ name: 'me/app · ./web/src', branch: 'main' })
})

it('one looks first at what waits for an answer, else at what changed last', () => {
  const [old, late, asks] = ['1', '3', '2'].map((last_updated) => session({ last_updated, status: 'idle' }))
  expect(firstToSee([old!, late!, asks!])).toBe(late)
  const waiting = session({ last_updated: '2', status: 'awaiting_permission' })
  expect(firstToSee([old!, late!, waiting])).toBe(waiting)
})
