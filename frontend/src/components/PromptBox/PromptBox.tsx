import { Alert, Button, Loader, NativeSelect, Text, Textarea } from '@mantine/core'
import { useCallback, useRef, useState } from 'react'
import { app } from '../../contract/client'
import type { Session } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { useDraft } from '../../hooks/useDraft'
import { DEFAULT_PERMISSION_MODE, PERMISSION_MODES } from '../../model/permissionModes'
import { isBusy } from '../../model/status'
import { tasksOf } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { Queue } from '../Queue/Queue'
import styles from './PromptBox.module.css'

const KEYS = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘ Enter' : 'Ctrl+Enter'

/** Where the next prompt is typed, with those that wait their turn above. */
export function PromptBox({ session }: { session: Session }) {
  const sessionId = session.session_id
  const { link } = useConnection()
  const [prompt, setPrompt] = useDraft(sessionId)
  const [mode, setMode] = useState<string>(session.permission_config?.mode ?? DEFAULT_PERMISSION_MODE)
  const typed = useRef(prompt)
  typed.current = prompt
  const turn = useRef<Promise<unknown>>(Promise.resolve())
  // The box is free for the next prompt at once; they are sent one after the other, and a refused one comes back.
  const send = useCallback(async () => {
    const text = prompt.trim()
    setPrompt('')
    const sending = turn.current.then(() =>
      app.service('sessions').prompt({ session_id: sessionId, prompt: text, permission_mode: mode }),
    )
    turn.current = sending.catch(() => undefined)
    try {
      const task = await sending
      if (task.task_id) tasksOf(sessionId).merge(task)
    } catch (refusal) {
      setPrompt([text, typed.current].filter(Boolean).join('\n\n'))
      throw refusal
    }
  }, [sessionId, prompt, mode, setPrompt])
  const { run, isBusy: isSending, error } = useAction(send)
  const maySend = prompt.trim() !== '' && link === 'connected'
  return (
    <form
      className={styles.box}
      aria-label="Prompt"
      onSubmit={(event) => {
        event.preventDefault()
        if (maySend) void run()
      }}
    >
      <Queue session={session} />
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
          leftSection={isSending ? <Loader size={12} /> : <Icon name="send" size={14} />}
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
