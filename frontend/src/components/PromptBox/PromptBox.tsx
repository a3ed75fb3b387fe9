import { ActionIcon, Alert, Button, NativeSelect, Text, Textarea } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { Session, Task } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { useDraft } from '../../hooks/useDraft'
import { useRecords } from '../../hooks/useCollection'
import { DEFAULT_PERMISSION_MODE, PERMISSION_MODES } from '../../model/permissionModes'
import { isBusy } from '../../model/status'
import { tasksOf } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import styles from './PromptBox.module.css'

const KEYS = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘ Enter' : 'Ctrl+Enter'

/** Where the next prompt is typed, with those that wait their turn above. */
export function PromptBox({ session }: { session: Session }) {
  const sessionId = session.session_id
  const { link } = useConnection()
  const [prompt, setPrompt] = useDraft(sessionId)
  const [mode, setMode] = useState<string>(session.permission_config?.mode ?? DEFAULT_PERMISSION_MODE)
  const send = useCallback(async () => {
    const task = await app
      .service('sessions')
      .prompt({ session_id: sessionId, prompt: prompt.trim(), permission_mode: mode })
    if (task.task_id) tasksOf(sessionId).merge(task)
    setPrompt('')
  }, [sessionId, prompt, mode, setPrompt])
  const { run, isBusy: isSending, error } = useAction(send)
  const maySend = prompt.trim() !== '' && !isSending && link === 'connected'
  return (
    <form
      className={styles.box}
      aria-label="Prompt"
      onSubmit={(event) => {
        event.preventDefault()
        if (maySend) void run()
      }}
    >
      <WaitingPrompts session={session} />
      {error && (
        <Alert color="red" p="xs" role="alert">
          {error}
        </Alert>
      )}
      <Textarea
        aria-label="What should the agent do?"
        placeholder={isBusy(session) ? 'What should it do next?' : 'What should the agent do?'}
        autosize
        minRows={2}
        maxRows={12}
        value={prompt}
        onChange={(event) => setPrompt(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit()
        }}
      />
      <div className={styles.actions}>
        <NativeSelect
          size="xs"
          aria-label="Permission mode"
          data={[...PERMISSION_MODES]}
          value={mode}
          onChange={(event) => setMode(event.currentTarget.value)}
        />
        <Button
          type="submit"
          size="xs"
          disabled={!maySend}
          loading={isSending}
          leftSection={<Icon name="send" size={14} />}
          title={KEYS}
        >
          {isBusy(session) ? 'Queue' : 'Send'}{' '}
          <Text span size="xs" ml={6} opacity={0.75} visibleFrom="sm">
            {KEYS}
          </Text>
        </Button>
      </div>
    </form>
  )
}

function WaitingPrompts({ session }: { session: Session }) {
  const { records } = useRecords(tasksOf(session.session_id))
  const waiting = records.filter((task) => task.status === 'created')
  if (waiting.length === 0) return null
  return (
    <section aria-label="Waiting prompts">
      {session.queue_paused && <PausedQueue sessionId={session.session_id} reason={session.queue_paused} />}
      <ul className={styles.queue}>
        {waiting.map((task) => (
          <WaitingPrompt key={task.task_id} task={task} />
        ))}
      </ul>
    </section>
  )
}

function WaitingPrompt({ task }: { task: Task }) {
  const {
    run,
    isBusy: isRemoving,
    error,
  } = useAction(useCallback(() => app.service('tasks').remove(task.task_id), [task.task_id]))
  return (
    <li className={styles.waiting}>
      <Icon name="clock" size={14} />
      <span title={task.full_prompt}>{error ?? task.description}</span>
      <ActionIcon
        size="xs"
        variant="subtle"
        color="gray"
        loading={isRemoving}
        aria-label={`Do not run: ${task.description}`}
        onClick={() => void run()}
      >
        <Icon name="close" size={12} />
      </ActionIcon>
    </li>
  )
}

/** Why nothing happens although prompts wait, and the button that goes on. */
function PausedQueue({ sessionId, reason }: { sessionId: string; reason: string }) {
  const {
    run,
    isBusy: isResuming,
    error,
  } = useAction(useCallback(() => app.service('sessions').queue({ session_id: sessionId, resume: true }), [sessionId]))
  return (
    <Alert color="yellow" p="xs" mb={6}>
      <div className={styles.actions}>
        <Text size="sm">{error ?? `These prompts wait: ${reason}`}</Text>
        <Button size="compact-xs" variant="light" loading={isResuming} onClick={() => void run()}>
          Go on
        </Button>
      </div>
    </Alert>
  )
}
