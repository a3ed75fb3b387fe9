import { useEffect, useMemo, useSyncExternalStore } from 'react'
import type { StreamedMessage } from '../model/stream'
import type { SessionStreams } from '../store/streams'

/** Ids of the messages that stream now; keeps listening. */
export function useStreams(streams: SessionStreams): readonly string[] {
  useEffect(() => streams.open(), [streams])
  return useSyncExternalStore(streams.subscribe, streams.snapshot)
}

/** One streaming message, with each new piece. */
export function useStream(streams: SessionStreams, id: string): StreamedMessage | undefined {
  const subscribe = useMemo(() => (listener: () => void) => streams.subscribeTo(id, listener), [streams, id])
  return useSyncExternalStore(subscribe, () => streams.get(id))
}
