import { describe, expect, it } from 'vitest'
import { progressLine, repoSource } from './repoSource'

describe('where a repository comes from', () => {
  it.each(['/home/me/project', '~/project', ' /with/space ', 'C:\\work'])('%s is a folder', (text) => {
    expect(repoSource(text)).toEqual({ local_path: text.trim() })
  })

  it.each(['https://example.org/a.git', 'git@example.org:a/b.git', 'ssh://host/x', 'file:///srv/x.git'])(
    '%s is fetched',
    (text) => {
      expect(repoSource(text)).toEqual({ url: text })
    },
  )

  it('nothing is none', () => {
    expect(repoSource('  ')).toBeNull()
  })
})

it('tells how far a clone has come', () => {
  const told = {
    repo_id: 'r',
    stage: 'Receiving objects',
    done: 1200,
    total: 3400,
    percent: 35,
    received_bytes: 2_140_000,
  }
  expect(progressLine(told)).toBe('Receiving objects: 1200 of 3400, 2.1 MB')
  expect(progressLine({ ...told, stage: 'Counting objects', total: 0, received_bytes: 0 })).toBe('Counting objects')
})
