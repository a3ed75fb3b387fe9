import { Stack, Text } from '@mantine/core'
import { useCallback } from 'react'
import { useAction } from '../../hooks/useAction'
import { Dialog } from '../Dialog/Dialog'
import { Destruction } from '../Form/Form'

interface ConfirmDialogProps {
  title: string
  /** What will happen, and what stays. */
  text: string
  /** What the button that does it says. */
  verb: string
  call: () => Promise<unknown>
  onClose: () => void
}

/** Asks before something is taken away; says why, where the daemon refuses. */
export function ConfirmDialog({ title, text, verb, call, onClose }: ConfirmDialogProps) {
  const confirm = useCallback(async () => {
    await call()
    onClose()
  }, [call, onClose])
  const action = useAction(confirm)
  return (
    <Dialog onClose={onClose} title={title}>
      <Stack gap="sm">
        <Text size="sm">{text}</Text>
        <Destruction action={action} verb={verb} onClose={onClose} />
      </Stack>
    </Dialog>
  )
}
