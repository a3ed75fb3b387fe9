import { Alert, Button, NativeSelect, Text, Textarea } from '@mantine/core'
import { useCallback, useState } from 'react'
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
