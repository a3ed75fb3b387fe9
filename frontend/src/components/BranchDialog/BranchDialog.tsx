import { NativeSelect, Text, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { Session } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useAgents } from '../../hooks/useAgents'
import { useRecords } from '../../hooks/useCollection'
import { goTo } from '../../hooks/useRoute'
import { tasksOf } from '../../store/stores'
import { Dialog } from '../Dialog/Dialog'
import { DialogForm, PromptField } from '../Form/Form'

export type BranchKind = 'fork' | 'spawn'

const WORDS = {
  fork: {
    title: 'Fork this session',
    hint: 'The new session remembers everything up to a task of this one, and goes its own way from there.',
    at: 'Fork after',
  },
  spawn: {
    title: 'Spawn a child session',
    hint: 'The child starts with a fresh memory. When it ends, its last answer comes back here.',
    at: 'Spawned at',
  },
} as const

/** Start a session from another one: with its memory (fork) or without (spawn). */
export default function BranchDialog({
  session,
  kind,
  onClose,
}: {
  session: Session
  kind: BranchKind
  onClose: () => void
}) {
  const { records } = useRecords(tasksOf(session.session_id))
  const ended = records.filter((task) => task.status === 'completed').reverse()
  const agents = useAgents()
  const [prompt, setPrompt] = useState('')
  const [taskId, setTaskId] = useState('')
  const [worktree, setWorktree] = useState('')
  const [agent, setAgent] = useState(session.agent)
  const start = useCallback(async () => {
    const made = await app.service('sessions')[kind]({
      session_id: session.session_id,
      ...(prompt.trim() && { prompt: prompt.trim() }),
      ...(taskId && { task_id: taskId }),
      ...(worktree.trim() && { worktree: { name: worktree.trim() } }),
      ...(kind === 'spawn' && { agent }),
    })
    onClose()
    goTo({ name: 'session', id: made.session_id })
  }, [session.session_id, kind, prompt, taskId, worktree, agent, onClose])
  const action = useAction(start)
  const words = WORDS[kind]
  return (
    <Dialog onClose={onClose} title={words.title} size="lg">
      <DialogForm action={action} verb={kind === 'fork' ? 'Fork' : 'Spawn'} onClose={onClose}>
        <Text size="sm" c="dimmed">
          {words.hint}
        </Text>
        <PromptField ifEmpty="nothing runs yet." value={prompt} onChange={setPrompt} />
        <NativeSelect
          label={words.at}
          value={taskId}
          onChange={(event) => setTaskId(event.currentTarget.value)}
          data={[
            {
              value: '',
              label: ended.length > 0 ? 'The last completed task' : 'The beginning: no task is completed',
            },
            ...ended.map((task) => ({ value: task.task_id, label: task.description })),
          ]}
        />
        {kind === 'spawn' && (
          <NativeSelect
            label="Agent"
            value={agent}
            onChange={(event) => setAgent(event.currentTarget.value)}
            data={agents.value?.map((each) => each.name) ?? [session.agent]}
          />
        )}
        {session.repo?.repo_id && (
          <TextInput
            label="Own worktree"
            description="A name makes a new worktree and branch. Empty: it works where this session does."
            placeholder="try-another-way"
            value={worktree}
            onChange={(event) => setWorktree(event.currentTarget.value)}
          />
        )}
      </DialogForm>
    </Dialog>
  )
}
