import { useCallback, useEffect, useRef, useState } from 'react'
import { app, type Queue, read } from '../contract/client'
import type { Session, Task } from '../contract/records'
import { inOrder } from '../model/queue'
import { tasksOf } from '../store/stores'
import { useRecords } from './useCollection'
import { useRead } from './useRead'

interface Stored {
  order: string[]
  /** How many wishes had been answered when this began to be read. */
  answered: number
}

/** The prompts of a session that wait, in the order they will run, and the way to change that order. */
export function useQueue(session: Session): { waiting: Task[]; reorder: (order: readonly string[]) => Promise<void> } {
  const id = session.session_id
  const { records } = useRecords(tasksOf(id))
  const waiting = records.filter((task) => task.status === 'created')
  // The order is the daemon's alone: it is read again whenever one of the waiting changes.
  const shape = waiting.map((task) => task.task_id + task.last_updated).join()
  // What began to be read before the last wish was answered may be from before it.
  const wishes = useRef({ made: 0, answered: 0 })
  const load = useCallback(async (): Promise<Stored> => {
    const { answered } = wishes.current
    const { tasks } = shape === '' ? { tasks: [] } : await read<Queue>(`sessions/${id}/queue`)
    return { order: tasks.map((task) => task.task_id), answered }
  }, [id, shape])
  const { value: stored, again } = useRead(load)
  const [wished, setWished] = useState<readonly string[] | null>(null)
  useEffect(() => {
    if (stored?.answered === wishes.current.made) setWished(null)
  }, [stored])
  const reorder = useCallback(
    async (order: readonly string[]) => {
      setWished(order)
      wishes.current.made += 1
      try {
        await app.service('sessions').queue({ session_id: id, order })
      } finally {
        wishes.current.answered += 1
        again() // refused: one of them runs or is gone by now
      }
    },
    [id, again],
  )
  return { waiting: inOrder(waiting, wished ?? stored?.order ?? []), reorder }
}
