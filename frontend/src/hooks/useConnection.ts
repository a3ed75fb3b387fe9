import { useSyncExternalStore } from 'react'
import type { ConnectionState } from '../store/connection'
import { connection } from '../store/stores'

/** The state of the connection to the daemon, and who is signed in. */
export function useConnection(): ConnectionState {
  return useSyncExternalStore(connection.subscribe, connection.snapshot)
}
