import { useCallback, useEffect, useRef, useState } from 'react'
import { app, type Queue, read } from '../contract/client'
import type { Session, Task } from '../contract/records'
import { inOrder } from '../model/queue'
import { tasksOf } from '../store/stores'
import { useRecords } from './useCollection'
import { useRead } from './useRead'

/** The prompts of a session that wait, in the order they will run, and the way to change that order. */
export function useQueue(session: Session): { waiting: Task[]; reorder: (order: readonly string[]) => Promise<void> } {
  const id = session.session_id
  const { records } = useRecords(tasksOf(id))
  const waiting = records.filter((task) => task.status === 'created')
  // The order is the daemon's alone: it is read again whenever one of the waiting changes.
  const shape = waiting.map((task) => task.task_id + task.last_updated).join()
  const load = useCallback(
    async () => (shape === '' ? [] : (await read<Queue>(`sessions/${id}/queue`)).tasks.map((task) => task.task_id)),
    [id, shape],
  )
  const { value: stored, again } = useRead(load)
  const [wished, setWished] = useState<readonly string[] | null>(null)
  // What is read while a wish is on its way may be from before it.
  const wishes = useRef(0)
  useEffect(() => {
    if (wishes.current === 0) setWished(null)
  }, [stored])
  const reorder = useCallback(
    async (order: readonly string[]) => {
      setWished(order)
      wishes.current += 1
      try {
        await app.service('sessions').queue({ session_id: id, order })
      } finally {
        wishes.current -= 1
        again() // refused: one of them runs or is gone by now
      }
    },
    [id, again],
  )
  return { waiting: inOrder(waiting, wished ?? stored ?? []), reorder }
}
