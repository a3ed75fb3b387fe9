import { Text, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import { useAction } from '../../hooks/useAction'
import { goTo } from '../../hooks/useRoute'
import { Dialog } from '../Dialog/Dialog'
import { DialogForm } from '../Form/Form'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Take over a conversation that Claude Code had without Agor. */
export default function ImportDialog({ boardId, onClose }: { boardId: string | null; onClose: () => void }) {
  const [text, setText] = useState('')
  const load = useCallback(async () => {
    const from = text.trim()
    const session = await app
      .service('sessions')
      .import({ ...(UUID.test(from) ? { uuid: from } : { path: from }), ...(boardId && { board_id: boardId }) })
    onClose()
    goTo({ name: 'session', id: session.session_id })
  }, [text, boardId, onClose])
  const action = useAction(load)
  return (
    <Dialog onClose={onClose} title="Import a Claude Code transcript" size="lg">
      <DialogForm action={action} verb="Import" isComplete={text.trim() !== ''} onClose={onClose}>
        <TextInput
          label="File or session id"
          description="The path of a .jsonl file on the daemon’s machine, or the id of a Claude Code session there."
          placeholder="~/.claude/projects/…/….jsonl"
          data-autofocus
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Text size="xs" c="dimmed">
          The file is only read. The session that comes out can be prompted, forked and spawned from.
        </Text>
      </DialogForm>
    </Dialog>
  )
}
