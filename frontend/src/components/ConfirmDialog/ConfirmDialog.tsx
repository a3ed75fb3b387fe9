import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useCallback } from 'react'
import { useAction } from '../../hooks/useAction'

interface ConfirmDialogProps {
  title: string
  /** What will happen, and what stays. */
  text: string
  /** What the button that does it says. */
  verb: string
  call: () => Promise<unknown>
  onClose: () => void
}

/** Asks before something is taken away; says why, where the daemon refuses. The keyboard begins at keeping it. */
export function ConfirmDialog({ title, text, verb, call, onClose }: ConfirmDialogProps) {
  const confirm = useCallback(async () => {
    await call()
    onClose()
  }, [call, onClose])
  const { run, isBusy, error } = useAction(confirm)
  return (
    <Modal opened onClose={onClose} title={title}>
      <Stack gap="sm">
        <Text size="sm">{text}</Text>
        {error && (
          <Alert color="red" role="alert">
            {error}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" data-autofocus onClick={onClose}>
            Keep it
          </Button>
          <Button color="red" loading={isBusy} onClick={() => void run()}>
            {verb}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
