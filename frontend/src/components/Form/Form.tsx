/** What every form has: sending it, the refusal of what was sent, and its buttons. */
import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import type { ReactNode } from 'react'

interface FormProps {
  onSubmit: () => void
  children: ReactNode
}

/** A form that this program sends, not the browser; with Ctrl+Enter also from a field of several lines. */
export function Form({ onSubmit, children }: FormProps) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
      onKeyDown={(event) => {
        const isSending = event.key === 'Enter' && (event.ctrlKey || event.metaKey)
        if (isSending && event.target instanceof HTMLTextAreaElement) event.currentTarget.requestSubmit()
      }}
    >
      {children}
    </form>
  )
}

/** Why the daemon refused what was asked; nothing while it did not. */
export function Refused({ error, mt }: { error: string | null; mt?: string }) {
  return (
    error && (
      <Alert color="red" mt={mt} role="alert">
        {error}
      </Alert>
    )
  )
}

interface DialogFormProps {
  /** The call, as `useAction` has it. */
  action: { run: () => Promise<boolean>; isBusy: boolean; error: string | null }
  /** What the button that sends it says. */
  verb: string
  isComplete?: boolean
  /** What goes on while it is sent, where that takes long. */
  busyText?: string
  onClose: () => void
  children: ReactNode
}

/** The form of a dialog: its fields, then the refusal and the buttons. */
export function DialogForm({ action, verb, isComplete = true, busyText, onClose, children }: DialogFormProps) {
  return (
    <Form onSubmit={() => isComplete && !action.isBusy && void action.run()}>
      <Stack gap="sm">
        {children}
        <Refused error={action.error} />
        <Group justify="flex-end">
          {action.isBusy && busyText && <BusyText text={busyText} />}
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={!isComplete} loading={action.isBusy}>
            {verb}
          </Button>
        </Group>
      </Stack>
    </Form>
  )
}

function BusyText({ text }: { text: string }) {
  return (
    <Text size="xs" c="dimmed" role="status">
      {text}
    </Text>
  )
}

interface PromptFieldProps {
  /** What becomes of a session without one. */
  ifEmpty: string
  value: string
  onChange: (value: string) => void
}

/** The first prompt of a session that is made. The keyboard begins here, also where the form comes after its dialog. */
export function PromptField({ ifEmpty, value, onChange }: PromptFieldProps) {
  return (
    <Textarea
      label="Prompt"
      description={`Empty: ${ifEmpty}`}
      autosize
      minRows={3}
      maxRows={10}
      autoFocus
      data-autofocus
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

interface DestructionProps {
  action: DialogFormProps['action']
  verb: string
  isReady?: boolean
  onClose: () => void
}

/** The end of a dialog that takes something away. The keyboard begins at keeping it. */
export function Destruction({ action, verb, isReady = true, onClose }: DestructionProps) {
  return (
    <>
      <Refused error={action.error} />
      <Group justify="flex-end">
        <Button variant="default" data-autofocus onClick={onClose}>
          Keep it
        </Button>
        <Button color="red" loading={action.isBusy} disabled={!isReady} onClick={() => void action.run()}>
          {verb}
        </Button>
      </Group>
    </>
  )
}
