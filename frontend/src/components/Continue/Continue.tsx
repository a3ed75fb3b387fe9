import { Button, Text } from '@mantine/core'
import { useCallback } from 'react'
import { app } from '../../contract/client'
import type { TaskError } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { tasksOf } from '../../store/stores'

/** Lets an agent take up again what was interrupted, failed or was stopped, before all that waits.
 *
 * `error`: how it ended. An agent that lost the conversation is told what is stored of it, and the button says so. */
export function Continue({ sessionId, error: ended }: { sessionId: string; error: TaskError | null }) {
  const fromHistory = ended?.reason === 'history_lost'
  const { link } = useConnection()
  const goOn = useCallback(async () => {
    tasksOf(sessionId).merge(await app.service('sessions').resume({ session_id: sessionId, from_history: fromHistory }))
  }, [sessionId, fromHistory])
  const { run, isBusy, error } = useAction(goOn)
  return (
    <div>
      <Button
        size="compact-xs"
        variant="light"
        loading={isBusy}
        disabled={link !== 'connected'}
        onClick={() => void run()}
      >
        {fromHistory ? 'Continue from the stored conversation' : 'Continue'}
      </Button>
      {error && (
        <Text size="xs" c="red" role="alert">
          {error}
        </Text>
      )}
    </div>
  )
}
