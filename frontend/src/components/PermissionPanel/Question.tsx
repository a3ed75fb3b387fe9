import { Button, Group, SegmentedControl, Text, Textarea, TextInput } from '@mantine/core'
import { useCallback, useRef, useState } from 'react'
import { app } from '../../contract/client'
import type { PermissionRequest, PermissionScope } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { useHandedOnFocus } from '../../hooks/useHandedOnFocus'
import { useNow } from '../../hooks/useNow'
import { isConflict } from '../../model/errors'
import { editedInput, inputText, mayEditInput, rulesIn, scopeHint, SCOPES } from '../../model/permissions'
import { timeAgo } from '../../model/time'
import { notify } from '../../store/notices'
import { openQuestions } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { ToolInput } from '../ToolPart/ToolPart'
import styles from './PermissionPanel.module.css'

interface QuestionProps {
  request: PermissionRequest
  /** Of the session's agent; null where it is not known. */
  agent: string | null
  /** The run that asked was ended, with the daemon. */
  isInterrupted: boolean
}

/** What an agent wants to do, and the answers a person can give. The first answer of anybody counts. */
export function Question({ request, agent, isInterrupted }: QuestionProps) {
  const now = useNow()
  const section = useRef<HTMLElement>(null)
  useHandedOnFocus(section)
  const { link } = useConnection()
  const [scope, setScope] = useState<PermissionScope>('once')
  const [rules, setRules] = useState(() => request.rules.join('\n'))
  const [reason, setReason] = useState('')
  const [edited, setEdited] = useState<string | null>(null)
  const input = request.tool_input ?? {}
  const answer = useCallback(
    async (allow: boolean) => {
      const changed = allow && edited !== null ? editedInput(input, edited) : null
      await decide(request.request_id, {
        allow,
        scope,
        ...(scope !== 'once' && rules !== request.rules.join('\n') && { rules: rulesIn(rules) }),
        ...(changed && { updated_input: changed }),
        ...(reason.trim() !== '' && { reason: reason.trim() }),
      })
    },
    [request, input, edited, reason, scope, rules],
  )
  const { run, isBusy, error } = useAction(answer)
  const isOff = isBusy || link !== 'connected'
  const isCommand = typeof input['command'] === 'string'
  return (
    <section
      ref={section}
      className={styles.question}
      role="alertdialog"
      aria-label={`Permission for ${request.tool_name}`}
    >
      <div className={styles.head}>
        <Icon name="hand" />
        <strong>May it use {request.tool_name}?</strong>
        <span className={styles.age}>{timeAgo(request.created_at, now)}</span>
      </div>
      {isInterrupted && (
        <Text size="xs" c="dimmed">
          The run was interrupted since; an answer lets the session go on.
        </Text>
      )}
      {edited === null ? (
        <div className={styles.input}>
          <ToolInput name={request.tool_name} input={input} />
        </div>
      ) : (
        <Textarea
          aria-label={`Input of ${request.tool_name}`}
          description={isCommand ? 'The command that will run instead' : 'What the tool is given instead, as JSON'}
          classNames={{ input: styles.code }}
          autosize
          minRows={2}
          maxRows={12}
          autoFocus
          value={edited}
          onChange={(event) => setEdited(event.currentTarget.value)}
        />
      )}
      <Scopes request={request} scope={scope} rules={rules} onScope={setScope} onRules={setRules} />
      <TextInput
        size="xs"
        aria-label="Reason"
        placeholder="A reason, told to the agent (optional)"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {error && (
        <Text size="sm" c="red" role="alert">
          {error}
        </Text>
      )}
      <Group gap="xs">
        <Button size="xs" color="teal" loading={isBusy} disabled={isOff} onClick={() => void run(true)}>
          {edited !== null && edited !== inputText(input) ? 'Allow as edited' : 'Allow'}
        </Button>
        <Button size="xs" color="red" variant="outline" disabled={isOff} onClick={() => void run(false)}>
          Deny
        </Button>
        {(agent === null || mayEditInput(agent)) && (
          <Button
            size="xs"
            variant="subtle"
            color="gray"
            ml="auto"
            leftSection={<Icon name="pencil" size={12} />}
            onClick={() => setEdited(edited === null ? inputText(input) : null)}
          >
            {edited === null ? 'Edit first' : 'Do not edit'}
          </Button>
        )}
      </Group>
    </section>
  )
}

interface ScopesProps {
  request: PermissionRequest
  scope: PermissionScope
  /** One a line. */
  rules: string
  onScope: (scope: PermissionScope) => void
  onRules: (rules: string) => void
}

/** For how long the answer counts, and for what exactly. Some questions are about this one moment only. */
function Scopes({ request, scope, rules, onScope, onRules }: ScopesProps) {
  if (request.rules.length === 0)
    return (
      <Text size="xs" c="dimmed">
        The answer is for this one time.
      </Text>
    )
  return (
    <div>
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label="The answer counts"
        value={scope}
        onChange={(value) => onScope(value as PermissionScope)}
        data={SCOPES.map(({ value, label }) => ({ value, label }))}
      />
      {scope === 'once' ? (
        <Text size="xs" mt={4}>
          Counts for <strong>this use of {request.tool_name}</strong> only.
        </Text>
      ) : (
        <Textarea
          mt={4}
          size="xs"
          label={`Counts, without asking again ${scopeHint(scope)}, for`}
          classNames={{ input: styles.code }}
          autosize
          minRows={1}
          maxRows={5}
          value={rules}
          onChange={(event) => onRules(event.currentTarget.value)}
        />
      )}
    </div>
  )
}

/** Give the answer. Who comes too late is told so, gently: the question has gone from every screen by then. */
async function decide(requestId: string, answer: object): Promise<void> {
  try {
    openQuestions().merge(await app.service('permissions').decide({ request_id: requestId, ...answer }))
  } catch (refusal) {
    if (!isConflict(refusal)) throw refusal
    const decided = await app.service('permissions').get(requestId)
    openQuestions().merge(decided)
    const outcome = { approved: 'allowed', denied: 'denied', cancelled: 'cancelled', pending: 'asked' }[decided.status]
    notify({
      color: 'yellow',
      title: `Already answered by ${await nameOf(decided.decided_by)}`,
      message: `${decided.tool_name} was ${outcome}${decided.reason ? `: ${decided.reason}` : '.'}`,
    })
  }
}

async function nameOf(userId: string | null): Promise<string> {
  try {
    return (userId && (await app.service('users').get(userId)).name) || 'somebody else'
  } catch {
    return 'somebody else' // nobody signs in here, or this user may not know
  }
}
