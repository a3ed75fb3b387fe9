import { expect, it } from 'vitest'
import type { TaskError } from '../contract/records'
import { adviceFor } from './status'

it('says when a limit ends, until it has', () => {
  const error: TaskError = {
    kind: 'rate_limited',
    message: '',
    retry_at: new Date(2026, 0, 10, 14, 5).toISOString(),
    reason: null,
  }
  expect(adviceFor(error, new Date(2026, 0, 10, 12, 0).getTime())).toBe('It can go on at 14:05.')
  expect(adviceFor(error, new Date(2026, 0, 10, 15, 0).getTime())).toContain('then prompt again')
})
