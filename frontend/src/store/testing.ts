/** A service and a connection in memory, for the tests of this folder: answers wait until a test lets them go. */
import type { Page, Query } from '../contract/client'
import type { Reconnects, RecordSource } from './liveCollection'

export interface Row {
  id: string
  last_updated: string
  text: string
  short_id?: string
}

export const row = (id: string, minute: number, text = ''): Row => ({
  id,
  last_updated: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`,
  text,
})

type Answer = {
  resolve: (rows: Row[], total?: number) => Promise<void>
  reject: (error: unknown) => Promise<void>
  query: Query
}

/** Lets promises that are settled call back. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}

export class FakeService implements RecordSource<Row> {
  calls: Answer[] = []
  whole = new Map<string, Row>()
  private listeners = new Map<string, Set<(record: Row) => void>>()

  find({ query }: { query: Query }): Promise<Page<Row>> {
    return new Promise((resolve, reject) => {
      this.calls.push({
        query,
        resolve: (data, total = data.length) => (
          resolve({ data, total, limit: 10, skip: Number(query.$skip ?? 0) }),
          settled()
        ),
        reject: (error) => (reject(error), settled()),
      })
    })
  }

  get = (id: string): Promise<Row> => Promise.resolve(this.whole.get(id)!)

  on(event: string, listener: (record: Row) => void): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener))
  }

  off(event: string, listener: (record: Row) => void): void {
    this.listeners.get(event)?.delete(listener)
  }

  emit(event: string, record: object): void {
    for (const listener of this.listeners.get(event) ?? []) listener(record as Row)
  }

  get listenerCount(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0)
  }
}

export class FakeConnection implements Reconnects {
  private listeners = new Set<(recovered: boolean) => void>()

  onConnect(listener: (recovered: boolean) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  connect(recovered: boolean): void {
    for (const listener of [...this.listeners]) listener(recovered)
  }
}
