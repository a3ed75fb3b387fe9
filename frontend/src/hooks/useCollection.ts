import { useEffect, useMemo, useSyncExternalStore } from 'react'
import type { CollectionState, LiveCollection } from '../store/liveCollection'

type Stamped = { last_updated: string }

/** Keep the collection open; its ids and state. Renders again when ids come, go or move, not when a record changes. */
export function useCollection<T extends Stamped>(collection: LiveCollection<T>): CollectionState {
  useEffect(() => collection.open(), [collection])
  return useSyncExternalStore(collection.subscribe, collection.snapshot)
}

/** One record of a collection that is open. */
export function useRecord<T extends Stamped>(collection: LiveCollection<T>, id: string): T | undefined {
  const subscribe = useMemo(() => (listener: () => void) => collection.subscribeTo(id, listener), [collection, id])
  return useSyncExternalStore(subscribe, () => collection.get(id))
}

/** Keep the collection open; all its records and its state. For lists of which every change is shown. */
export function useRecords<T extends Stamped>(collection: LiveCollection<T>): CollectionState & { records: T[] } {
  const state = useCollection(collection)
  const subscribe = useMemo(() => (listener: () => void) => collection.subscribeToAll(listener), [collection])
  const version = useSyncExternalStore(subscribe, () => collection.version)
  const records = useMemo(() => collection.list(), [collection, version])
  return { ...state, records }
}
