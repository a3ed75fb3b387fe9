import { Button, Text } from '@mantine/core'
import { useCallback } from 'react'
import { app } from '../../contract/client'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { tasksOf } from '../../store/stores'

const GO_ON = 'The daemon stopped while you worked on this. Look at what is done already, and go on from there.'

/** Lets an agent go on that was cut off when the daemon ended. */
export function Continue({ sessionId }: { sessionId: string }) {
  const { link } = useConnection()
  const goOn = useCallback(async () => {
    tasksOf(sessionId).merge(await app.service('sessions').prompt({ session_id: sessionId, prompt: GO_ON }))
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
