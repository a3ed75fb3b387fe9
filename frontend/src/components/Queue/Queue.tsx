import { ActionIcon, Alert, Button, Group, Text, Textarea } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { Session, Task } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useQueue } from '../../hooks/useQueue'
import { moved } from '../../model/queue'
import { isBusy } from '../../model/status'
import { tasksOf } from '../../store/stores'
import { Icon, type IconName } from '../Icon/Icon'
import styles from './Queue.module.css'

/** The prompts that wait their turn: they can be changed, moved and taken out. */
export function Queue({ session }: { session: Session }) {
  const { waiting, reorder } = useQueue(session)
  const { run: order, error } = useAction(reorder)
  const [dragged, setDragged] = useState<string | null>(null)
  if (waiting.length === 0) return null
  const ids = waiting.map((task) => task.task_id)
  const move = (id: string, to: string | number): void => {
    const wanted = moved(ids, id, to)
    if (wanted !== ids) void order(wanted)
  }
  return (
    <section aria-label="Waiting prompts">
      {session.queue_paused ? (
        <Paused sessionId={session.session_id} reason={session.queue_paused} />
      ) : (
        <Text size="xs" c="dimmed" mb={2}>
          {isBusy(session) ? 'Next, in this order:' : 'Waits for a free place: as many agents run as may at once.'}
        </Text>
      )}
      {error && (
        <Text size="xs" c="red" role="alert">
          {error}
        </Text>
      )}
      <ol className={styles.queue}>
        {waiting.map((task, place) => (
          <Waiting
            key={task.task_id}
            task={task}
            isFirst={place === 0}
            isLast={place === waiting.length - 1}
            isDragged={dragged === task.task_id}
            onMove={(by) => move(task.task_id, by)}
            onDrag={setDragged}
            onDrop={() => dragged && move(dragged, task.task_id)}
          />
        ))}
      </ol>
    </section>
  )
}

interface WaitingProps {
  task: Task
  isFirst: boolean
  isLast: boolean
  isDragged: boolean
  onMove: (by: number) => void
  /** Told the id when dragging begins, null when it ends. */
  onDrag: (id: string | null) => void
  onDrop: () => void
}

function Waiting({ task, isFirst, isLast, isDragged, onMove, onDrag, onDrop }: WaitingProps) {
  const [isEditing, setEditing] = useState(false)
  const {
    run,
    isBusy: isRemoving,
    error,
  } = useAction(useCallback(() => app.service('tasks').remove(task.task_id), [task.task_id]))
  if (isEditing) return <Editing task={task} onDone={() => setEditing(false)} />
  const label = task.description
  return (
    <li
      className={isDragged ? `${styles.waiting} ${styles.dragged}` : styles.waiting}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move'
        onDrag(task.task_id)
      }}
      onDragEnd={() => onDrag(null)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        onDrop()
      }}
      onKeyDown={(event) => {
        if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return
        event.preventDefault()
        onMove(event.key === 'ArrowUp' ? -1 : 1)
      }}
    >
      <span className={styles.text} title={task.full_prompt}>
        {error ?? label}
      </span>
      <Tool icon="up" label={`Move up: ${label}`} isOff={isFirst} onClick={() => onMove(-1)} />
      <Tool icon="down" label={`Move down: ${label}`} isOff={isLast} onClick={() => onMove(1)} />
      <Tool icon="pencil" label={`Edit: ${label}`} onClick={() => setEditing(true)} />
      <Tool icon="close" label={`Do not run: ${label}`} isBusy={isRemoving} onClick={() => void run()} />
    </li>
  )
}

function Tool({
  icon,
  label,
  isOff = false,
  isBusy: isWorking = false,
  onClick,
}: {
  icon: IconName
  label: string
  isOff?: boolean
  isBusy?: boolean
  onClick: () => void
}) {
  return (
    <ActionIcon
      size="sm"
      variant="subtle"
      color="gray"
      loading={isWorking}
      // Not `disabled`: a button that cannot move further keeps the keyboard's place.
      aria-disabled={isOff}
      data-disabled={isOff || undefined}
      aria-label={label}
      title={label}
      onClick={isOff ? undefined : onClick}
    >
      <Icon name={icon} size={13} />
    </ActionIcon>
  )
}

function Editing({ task, onDone }: { task: Task; onDone: () => void }) {
  const [prompt, setPrompt] = useState(task.full_prompt)
  const save = useCallback(async () => {
    if (prompt.trim() !== task.full_prompt) {
      tasksOf(task.session_id).merge(await app.service('tasks').patch(task.task_id, { full_prompt: prompt.trim() }))
    }
    onDone()
  }, [task, prompt, onDone])
  const { run, isBusy: isSaving, error } = useAction(save)
  const maySave = prompt.trim() !== ''
  return (
    <li className={styles.editing}>
      <Textarea
        aria-label="Waiting prompt"
        autosize
        minRows={2}
        maxRows={8}
        autoFocus
        value={prompt}
        error={error}
        onChange={(event) => setPrompt(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onDone()
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault() // the form around is that of the next prompt
            if (maySave) void run()
          }
        }}
      />
      <Group gap="xs" mt={4}>
        <Button size="compact-xs" disabled={!maySave} loading={isSaving} onClick={() => void run()}>
          Save
        </Button>
        <Button size="compact-xs" variant="default" onClick={onDone}>
          Cancel
        </Button>
      </Group>
    </li>
  )
}

/** Why nothing happens although prompts wait, and the button that goes on. */
function Paused({ sessionId, reason }: { sessionId: string; reason: string }) {
  const resume = useCallback(() => app.service('sessions').queue({ session_id: sessionId, resume: true }), [sessionId])
  const { run, isBusy: isResuming, error } = useAction(resume)
  return (
    <Alert color="yellow" p="xs" mb={6}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm">{error ?? `The queue is paused: ${reason}.`}</Text>
        <Button size="compact-xs" style={{ flex: 'none' }} loading={isResuming} onClick={() => void run()}>
          Resume
        </Button>
      </Group>
    </Alert>
  )
}
