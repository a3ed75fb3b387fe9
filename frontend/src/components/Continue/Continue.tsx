import { Button, Text } from '@mantine/core'
import { useCallback } from 'react'
import { app } from '../../contract/client'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { tasksOf } from '../../store/stores'

/** Lets an agent take up again what was interrupted, failed or was stopped, before all that waits. */
export function Continue({ sessionId }: { sessionId: string }) {
  const { link } = useConnection()
  const goOn = useCallback(async () => {
    tasksOf(sessionId).merge(await app.service('sessions').resume({ session_id: sessionId }))
  }, [sessionId])
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
        Continue
      </Button>
      {error && (
        <Text size="xs" c="red" role="alert">
          {error}
        </Text>
      )}
    </div>
  )
}
