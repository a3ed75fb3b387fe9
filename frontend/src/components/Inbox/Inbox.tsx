/** All that waits for a person, over every session. Loaded by itself. */
import { ActionIcon, Badge, Button, Drawer, Group, Stack, Text, Title } from '@mantine/core'
import { type ReactNode, useRef } from 'react'
import type { PermissionRequest } from '../../contract/records'
import { useRecord } from '../../hooks/useCollection'
import { useAttention } from '../../hooks/useAttention'
import { useHandedOnFocus } from '../../hooks/useHandedOnFocus'
import { useNow } from '../../hooks/useNow'
import { useReturnedFocus } from '../../hooks/useReturnedFocus'
import type { Outcome } from '../../model/attention'
import { formatRoute } from '../../model/route'
import { titleOf } from '../../model/session'
import { adviceFor, isBusy } from '../../model/status'
import { timeAgo } from '../../model/time'
import { sessionsSince } from '../../store/stores'
import { Continue } from '../Continue/Continue'
import { Icon } from '../Icon/Icon'
import { Question } from '../PermissionPanel/Question'
import { StandingAnswers } from '../StandingAnswers/StandingAnswers'
import { Empty } from '../States/States'
import styles from './Inbox.module.css'

export default function Inbox({ onClose }: { onClose: () => void }) {
  const { questions, failed, finished, waiting, newsBegins, dismiss } = useAttention()
  useReturnedFocus()
  const idsOf = (outcomes: Outcome[]): string[] => outcomes.map(({ session }) => session.session_id)
  return (
    <Drawer opened onClose={onClose} position="right" size={480} title="Needs attention">
      {waiting + finished.length === 0 && (
        <Empty title="Nothing waits for you">
          <Text size="sm" c="dimmed">
            Questions of agents, failures, and finished runs that nobody looked at yet appear here.
          </Text>
        </Empty>
      )}
      <Stack gap="lg">
        {questions.length > 0 && (
          <Section name="Questions" color="orange" count={questions.length}>
            {questions.map((request) => (
              <AskedBy key={request.request_id} request={request} since={newsBegins} onOpen={onClose} />
            ))}
          </Section>
        )}
        {failed.length > 0 && (
          <Section name="Failed" color="red" count={failed.length} onDismiss={() => dismiss(idsOf(failed))}>
            {failed.map((outcome) => (
              <Ended key={outcome.task.task_id} outcome={outcome} onOpen={onClose} onDismiss={dismiss} />
            ))}
          </Section>
        )}
        {finished.length > 0 && (
          <Section
            name="Finished, to be looked at"
            color="teal"
            count={finished.length}
            onDismiss={() => dismiss(idsOf(finished))}
          >
            {finished.map((outcome) => (
              <Ended key={outcome.task.task_id} outcome={outcome} onOpen={onClose} onDismiss={dismiss} />
            ))}
          </Section>
        )}
        <StandingAnswers />
      </Stack>
    </Drawer>
  )
}

function Section({
  name,
  color,
  count,
  onDismiss,
  children,
}: {
  name: string
  color: string
  count: number
  onDismiss?: () => void
  children: ReactNode
}) {
  return (
    <section aria-label={name}>
      <Group justify="space-between" mb={4}>
        <Title order={3} size="h6">
          {name}{' '}
          <Badge size="sm" color={color} variant="light">
            {count}
          </Badge>
        </Title>
        {onDismiss && count > 1 && (
          <Button size="compact-xs" variant="subtle" color="gray" onClick={onDismiss}>
            Dismiss all
          </Button>
        )}
      </Group>
      <ul className={styles.list}>{children}</ul>
    </section>
  )
}

function AskedBy({ request, since, onOpen }: { request: PermissionRequest; since: string; onOpen: () => void }) {
  const sessionId = request.session_id ?? '' // a question goes with its session; only answers outlive theirs
  const session = useRecord(sessionsSince(since), sessionId)
  return (
    <li>
      <SessionLink id={sessionId} title={session ? titleOf(session) : 'To the session'} onOpen={onOpen} />
      <Question request={request} agent={session?.agent ?? null} isInterrupted={session ? !isBusy(session) : false} />
    </li>
  )
}

function Ended({
  outcome: { session, task },
  onOpen,
  onDismiss,
}: {
  outcome: Outcome
  onOpen: () => void
  onDismiss: (sessionIds: string[]) => void
}) {
  const now = useNow()
  const item = useRef<HTMLLIElement>(null)
  useHandedOnFocus(item)
  const title = titleOf(session)
  return (
    <li ref={item} className={styles.ended}>
      <div className={styles.what}>
        <SessionLink id={session.session_id} title={title} onOpen={onOpen} />
        {task.description !== title && <span className={styles.prompt}>{task.description}</span>}
        {task.error && (
          <Text size="xs" c="red" lineClamp={3}>
            {task.error.message}
            {task.error.retry_at && ` ${adviceFor(task.error, now)}`}
          </Text>
        )}
        <Text size="xs" c="dimmed">
          {session.agent} · {timeAgo(task.completed_at!, now)}
        </Text>
        {task.error && <Continue sessionId={session.session_id} error={task.error} />}
      </div>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={`Dismiss ${title}`}
        onClick={() => onDismiss([session.session_id])}
      >
        <Icon name="close" size={14} />
      </ActionIcon>
    </li>
  )
}

function SessionLink({ id, title, onOpen }: { id: string; title: string; onOpen: () => void }) {
  return (
    <a className={styles.link} href={formatRoute({ name: 'session', id })} onClick={onOpen}>
      {title}
    </a>
  )
}
