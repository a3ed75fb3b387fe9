import { Badge, Button, Text } from '@mantine/core'
import { useCallback } from 'react'
import { app } from '../../contract/client'
import type { PermissionRequest } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { useNow } from '../../hooks/useNow'
import { scopeHint } from '../../model/permissions'
import { formatRoute } from '../../model/route'
import { timeAgo } from '../../model/time'
import { standingAnswers } from '../../store/stores'
import styles from './StandingAnswers.module.css'

/** The answers that count for later questions, too, and the way to take them back. Nothing where there are none. */
export function StandingAnswers() {
  const { records } = useRecords(standingAnswers())
  if (records.length === 0) return null
  return (
    <details className={styles.answers}>
      <summary>Answers that count for later questions ({records.length})</summary>
      <ul>
        {records.map((request) => (
          <Answer key={request.request_id} request={request} />
        ))}
      </ul>
    </details>
  )
}

function Answer({ request }: { request: PermissionRequest }) {
  const now = useNow()
  const revoke = useCallback(
    async () => standingAnswers().merge(await app.service('permissions').revoke({ request_id: request.request_id })),
    [request.request_id],
  )
  const { run, isBusy, error } = useAction(revoke)
  const isYes = request.status === 'approved'
  return (
    <li>
      <div className={styles.what}>
        <Badge size="xs" variant="light" color={isYes ? 'teal' : 'red'}>
          {isYes ? 'allowed' : 'denied'}
        </Badge>{' '}
        {request.rules.map((rule) => (
          <code key={rule}>{rule}</code>
        ))}
        <Text size="xs" c="dimmed">
          {scopeHint(request.scope ?? 'once')} · {timeAgo(request.decided_at ?? request.created_at, now)} ·{' '}
          {request.session_id ? (
            <a href={formatRoute({ name: 'session', id: request.session_id })}>where it was asked</a>
          ) : (
            'its session is deleted'
          )}
        </Text>
        {error && (
          <Text size="xs" c="red" role="alert">
            {error}
          </Text>
        )}
      </div>
      <Button
        size="compact-xs"
        variant="default"
        loading={isBusy}
        aria-label={`Take back: ${request.rules.join(', ')}`}
        onClick={() => void run()}
      >
        Take back
      </Button>
    </li>
  )
}
