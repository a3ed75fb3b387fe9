import { beforeEach, describe, expect, it } from 'vitest'
import { type CollectionOptions, LiveCollection } from './liveCollection'
import { FakeConnection, FakeService, type Row, row, settled } from './testing'
import type { Soon } from './turns'

let service: FakeService
let connection: FakeConnection
let collection: LiveCollection<Row>
let soon: Soon

beforeEach(() => {
  soon = (step) => step()
  service = new FakeService()
  connection = new FakeConnection()
  collection = make({})
})

const make = (options: Partial<CollectionOptions<Row>>): LiveCollection<Row> =>
  new LiveCollection<Row>(service, connection, (step) => soon(step), {
    id: 'id',
    order: (a, b) => (a.id < b.id ? -1 : 1),
    ...options,
  })
const texts = (): string[] => collection.list().map((record) => record.text)

describe('a live collection', () => {
  it('has heard what happened while the first fetch was under way', async () => {
    collection.open()
    service.emit('created', row('b', 1, 'new'))
    await service.calls[0]!.resolve([row('a', 0, 'old')])
    expect(texts()).toEqual(['old', 'new'])
    expect(collection.snapshot().status).toBe('ready')
  })

  it('keeps the newer version, whether it came by event or by fetch', async () => {
    collection.open()
    service.emit('patched', row('a', 5, 'event'))
    await service.calls[0]!.resolve([row('a', 1, 'fetched')])
    expect(texts()).toEqual(['event'])
    service.emit('patched', row('a', 3, 'late'))
    expect(texts()).toEqual(['event'])
  })

  it('does not bring back what was removed while it was fetched', async () => {
    collection.open()
    service.emit('removed', row('a', 1))
    await service.calls[0]!.resolve([row('a', 0), row('b', 0)])
    expect(collection.snapshot().ids).toEqual(['b'])
  })

  it('does not bring back what moved elsewhere while it was fetched, until it comes back', async () => {
    collection = make({ matches: (record) => record.text !== 'elsewhere' })
    collection.open()
    service.emit('patched', row('a', 1, 'elsewhere'))
    await service.calls[0]!.resolve([row('a', 0, 'here'), row('b', 0)])
    expect(collection.snapshot().ids).toEqual(['b'])
    service.emit('patched', row('a', 2, 'here'))
    expect(collection.snapshot().ids).toEqual(['a', 'b'])
  })

  it('keeps everything after a reconnect that replayed what it missed', async () => {
    collection.open()
    await service.calls[0]!.resolve([row('a', 0)])
    connection.connect(true)
    expect(service.calls).toHaveLength(1)
  })

  it('fetches again after a reconnect that lost events, and drops what is gone', async () => {
    collection.open()
    await service.calls[0]!.resolve([row('a', 0), row('b', 0)])
    connection.connect(false)
    service.emit('created', row('c', 9))
    await service.calls[1]!.resolve([row('b', 0)])
    expect(collection.snapshot().ids).toEqual(['b', 'c'])
  })

  it('fetches again after any reconnect that cut a fetch short', async () => {
    collection.open()
    await service.calls[0]!.reject(new Error('socket has been disconnected'))
    expect(collection.snapshot().status).toBe('loading')
    connection.connect(true)
    await service.calls[1]!.resolve([row('a', 0)])
    expect(collection.snapshot()).toMatchObject({ status: 'ready', ids: ['a'] })
  })

  it('ignores the answer of a fetch that another one overtook', async () => {
    collection.open()
    void collection.refresh()
    await service.calls[1]!.resolve([row('a', 0)])
    await service.calls[0]!.resolve([row('z', 0)])
    expect(collection.snapshot().ids).toEqual(['a'])
  })

  it('says what a refused fetch was refused with, and tries again when asked', async () => {
    collection.open()
    const refusal = Object.assign(new Error('not yours'), { code: 403 })
    await service.calls[0]!.reject(refusal)
    expect(collection.snapshot()).toMatchObject({ status: 'error', error: refusal })
    void collection.refresh()
    await service.calls[1]!.resolve([])
    expect(collection.snapshot()).toMatchObject({ status: 'ready', error: null })
  })

  it('lets go of a record that an event moved elsewhere, and takes it back', async () => {
    collection = make({ matches: (record) => record.text !== 'elsewhere' })
    collection.open()
    await service.calls[0]!.resolve([row('a', 0, 'here')])
    service.emit('patched', row('a', 1, 'elsewhere'))
    expect(collection.snapshot()).toMatchObject({ ids: [], total: 0 })
    service.emit('patched', row('a', 2, 'here'))
    expect(collection.snapshot()).toMatchObject({ ids: ['a'], total: 1 })
  })

  it('does not take back a record that a call answered with after its event moved it elsewhere', async () => {
    collection = make({ matches: (record) => record.text !== 'elsewhere' })
    collection.open()
    await service.calls[0]!.resolve([row('a', 0, 'here')])
    service.emit('patched', row('a', 1, 'elsewhere'))
    collection.merge(row('a', 1, 'elsewhere'))
    expect(collection.snapshot().ids).toEqual([])
  })

  it('fetches page after page, and shows each as it comes', async () => {
    collection.open()
    await service.calls[0]!.resolve([row('a', 0)], 2)
    expect(collection.snapshot()).toMatchObject({ status: 'ready', ids: ['a'], total: 2 })
    expect(service.calls[1]!.query).toMatchObject({ $skip: 1 })
    await service.calls[1]!.resolve([row('b', 0)], 2)
    expect(collection.snapshot().ids).toEqual(['a', 'b'])
  })

  it('stops at the most it may hold, and drops nothing for being beyond', async () => {
    collection = make({ most: 1 })
    collection.open()
    service.emit('created', row('z', 3))
    await service.calls[0]!.resolve([row('a', 0)], 500)
    expect(service.calls).toHaveLength(1)
    expect(collection.snapshot()).toMatchObject({ status: 'ready', ids: ['a', 'z'] })
  })

  describe('that is a window', () => {
    const page = (...ids: string[]): Row[] => ids.map((id) => row(id, 0))

    beforeEach(() => {
      collection = make({ window: { first: 2, after: (last) => ({ id: { $gt: last.id } }) } })
      collection.open()
    })

    it('fetches the first records, and those after them when asked to, until all are there', async () => {
      await service.calls[0]!.resolve(page('a', 'b'), 5)
      expect(service.calls[0]!.query).toMatchObject({ $limit: 2 })
      expect(collection.snapshot()).toMatchObject({ status: 'ready', ids: ['a', 'b'], total: 5, isWhole: false })
      void collection.more(2)
      void collection.more(2)
      await settled()
      expect(service.calls.slice(1).map((call) => call.query)).toEqual([{ id: { $gt: 'b' }, $limit: 2 }])
      await service.calls[1]!.resolve(page('c', 'd'), 3)
      expect(collection.snapshot()).toMatchObject({ ids: ['a', 'b', 'c', 'd'], isWhole: false })
      void collection.more(2)
      await settled()
      await service.calls[2]!.resolve(page('e'), 1)
      expect(collection.snapshot()).toMatchObject({ ids: ['a', 'b', 'c', 'd', 'e'], isWhole: true })
      await collection.more(2)
      expect(service.calls).toHaveLength(3)
    })

    it('takes in what is new and what changes in it, and not what changes beyond it', async () => {
      await service.calls[0]!.resolve(page('b', 'c'), 4)
      service.emit('patched', row('b', 1, 'changed'))
      service.emit('patched', row('z', 1, 'far'))
      service.emit('created', row('a', 1, 'new'))
      expect(texts()).toEqual(['new', 'changed', ''])
      expect(collection.snapshot()).toMatchObject({ total: 5, isWhole: false })
    })

    it('keeps the newer version of what changes while it is being fetched', async () => {
      await service.calls[0]!.resolve(page('a', 'b'), 3)
      void collection.more(2)
      await settled()
      service.emit('patched', row('c', 5, 'event'))
      await service.calls[1]!.resolve([row('c', 1, 'fetched')])
      expect(texts()).toEqual(['', '', 'event'])
    })

    it('fetches as much again after a reconnect that lost events, and goes on from there', async () => {
      await service.calls[0]!.resolve(page('c', 'd'), 5)
      void collection.more(1)
      await settled()
      await service.calls[1]!.resolve(page('e'), 3)
      connection.connect(false)
      void collection.more(1)
      await settled()
      expect(service.calls[2]!.query).toMatchObject({ $limit: 3, $skip: 0 })
      await service.calls[2]!.resolve(page('a', 'b', 'c'), 7)
      expect(collection.snapshot()).toMatchObject({ ids: ['a', 'b', 'c'], isWhole: false })
      expect(service.calls[3]!.query).toMatchObject({ id: { $gt: 'c' } })
      await service.calls[3]!.resolve(page('d'), 4)
      expect(collection.snapshot().ids).toEqual(['a', 'b', 'c', 'd'])
    })

    it('says what kept it from fetching more, and can be asked again', async () => {
      await service.calls[0]!.resolve(page('a', 'b'), 3)
      const refused = collection.more(2)
      await settled()
      await service.calls[1]!.reject(new Error('too much'))
      await expect(refused).rejects.toThrow('too much')
      void collection.more(2)
      await settled()
      await service.calls[2]!.resolve(page('c'))
      expect(collection.snapshot()).toMatchObject({ ids: ['a', 'b', 'c'], isWhole: true })
    })
  })

  it('tells the viewers of a list nothing when only a record changed, and those of the record', async () => {
    collection.open()
    await service.calls[0]!.resolve([row('a', 0), row('b', 0)])
    const heard: string[] = []
    collection.subscribe(() => heard.push('list'))
    collection.subscribeTo('a', () => heard.push('a'))
    collection.subscribeTo('b', () => heard.push('b'))
    service.emit('patched', row('a', 1, 'changed'))
    expect(heard).toEqual(['a'])
  })

  describe('that hears much at once', () => {
    let step: () => void
    let asked: number
    let told: string[]

    beforeEach(async () => {
      collection.open()
      await service.calls[0]!.resolve([row('a', 0), row('b', 0)])
      asked = 0
      soon = (given) => {
        step = given
        asked += 1
      }
      told = []
      collection.subscribe(() => told.push('list'))
      collection.subscribeToAll(() => told.push('any'))
      collection.subscribeTo('a', () => told.push('a'))
    })

    it('takes it in as one step, in order, and tells of it once', () => {
      for (let minute = 1; minute < 60; minute++) service.emit('patched', row('a', minute, `change ${minute}`))
      for (let time = 0; time < 2000; time++) service.emit('created', row(`n${time}`, 1))
      service.emit('removed', row('n7', 1))
      service.emit('removed', row('b', 1))
      expect(asked).toBe(59 + 2000 + 2)
      expect(told).toEqual([])
      expect(collection.list()).toHaveLength(2)
      step()
      expect(told).toEqual(['list', 'a', 'any'])
      expect(collection.get('a')!.text).toBe('change 59')
      expect(collection.snapshot()).toMatchObject({ total: 2 + 2000 - 2 })
      expect(collection.snapshot().ids).toHaveLength(2 + 2000 - 2)
      step()
      expect(told).toHaveLength(3)
    })

    it('takes it in before the answer to a call, so that of both the later one counts', () => {
      service.emit('patched', row('a', 5, 'event'))
      collection.merge(row('a', 6, 'answer'))
      expect(collection.get('a')!.text).toBe('answer')
      service.emit('patched', row('a', 8, 'later event'))
      collection.merge(row('a', 7, 'earlier answer'))
      expect(collection.get('a')!.text).toBe('later event')
    })

    it('takes it in before what is fetched, so that nothing is dropped that came meanwhile', async () => {
      connection.connect(false)
      service.emit('created', row('c', 9))
      service.emit('removed', row('a', 9))
      await service.calls[1]!.resolve([row('a', 0), row('b', 0)])
      expect(collection.snapshot()).toMatchObject({ ids: ['b', 'c'] })
    })
  })

  it('keeps what events leave out because it is computed', async () => {
    collection.open()
    await service.calls[0]!.resolve([{ ...row('a', 0), short_id: 'abcd' }])
    service.emit('patched', row('a', 1))
    expect(collection.get('a')).toMatchObject({ short_id: 'abcd', last_updated: row('a', 1).last_updated })
  })

  it('fetches the rest of a record that was too large for its event', async () => {
    collection.open()
    await service.calls[0]!.resolve([])
    service.whole.set('a', row('a', 1, 'everything'))
    service.emit('created', { ...row('a', 1, 'every…'), truncated: true })
    await Promise.resolve()
    expect(texts()).toEqual(['everything'])
  })

  it('listens as long as somebody looks, and no longer', async () => {
    const [close, closeOther] = [collection.open(), collection.open()]
    expect(service.listenerCount).toBe(4)
    close()
    close()
    expect(service.listenerCount).toBe(4)
    closeOther()
    expect(service.listenerCount).toBe(0)
  })
})
