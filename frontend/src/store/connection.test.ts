import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { User } from '../contract/records'
import { Connection, type Daemon } from './connection'
import { settled } from './testing'

const ANN = { user_id: 'u', email: 'ann@example.org' } as User
const refused = Object.assign(new Error('Not authenticated'), { code: 401 })

class FakeDaemon implements Daemon {
  token: string | null = null
  asks = false
  recovered = false
  reconnects = 0
  private listeners = new Map<string, (reason?: unknown) => void>()

  onSocket(event: string, listener: (reason?: unknown) => void): void {
    this.listeners.set(event, listener)
  }
  async happens(event: 'connect' | 'disconnect' | 'connect_error', reason?: unknown): Promise<void> {
    this.listeners.get(event)!(reason)
    await settled()
  }
  wasRecovered = () => this.recovered
  reconnect = () => void this.reconnects++
  storedToken = () => Promise.resolve(this.token)
  reAuthenticate = () => (this.token === 'good' ? Promise.resolve({ user: ANN }) : Promise.reject(refused))
  authenticate = (_: string, password: string) =>
    password === 'right' ? Promise.resolve({ user: ANN }) : Promise.reject(refused)
  logout = () => Promise.resolve()
  probe = () => (this.asks ? Promise.reject(refused) : Promise.resolve())
}

let daemon: FakeDaemon
let connection: Connection

beforeEach(() => {
  vi.useFakeTimers()
  daemon = new FakeDaemon()
  connection = new Connection(daemon)
})
afterEach(() => void vi.useRealTimers())

describe('the connection', () => {
  it('is open at once where nobody needs to sign in', async () => {
    await daemon.happens('connect')
    expect(connection.snapshot()).toMatchObject({ link: 'connected', access: 'open', user: null })
  })

  it('asks for sign-in where that is required, and opens with the right password only', async () => {
    daemon.asks = true
    await daemon.happens('connect')
    expect(connection.snapshot().access).toBe('signin')
    await expect(connection.signIn('ann@example.org', 'wrong')).rejects.toBe(refused)
    expect(connection.snapshot().access).toBe('signin')
    await connection.signIn('ann@example.org', 'right')
    expect(connection.snapshot()).toMatchObject({ access: 'open', user: ANN })
  })

  it('uses the token of last time, and says so when it has expired', async () => {
    daemon.token = 'good'
    await daemon.happens('connect')
    expect(connection.snapshot().user).toBe(ANN)
    daemon.token = 'expired'
    daemon.asks = true
    await daemon.happens('disconnect', 'transport close')
    await daemon.happens('connect')
    expect(connection.snapshot()).toMatchObject({ access: 'signin', user: null, reason: 'Your sign-in has expired.' })
  })

  it('does not ask for sign-in because of an old token where nobody needs to sign in', async () => {
    daemon.token = 'expired'
    await daemon.happens('connect')
    expect(connection.snapshot()).toMatchObject({ access: 'open', user: null })
  })

  it('tells listeners after each connect whether events were lost', async () => {
    const heard: boolean[] = []
    connection.onConnect((recovered) => heard.push(recovered))
    await daemon.happens('connect')
    daemon.recovered = true
    await daemon.happens('disconnect', 'transport close')
    await daemon.happens('connect')
    expect(heard).toEqual([false, true])
  })

  it('says reconnecting first, offline after a while, and connected as soon as it is', async () => {
    await daemon.happens('connect')
    await daemon.happens('disconnect', 'transport close')
    expect(connection.snapshot().link).toBe('reconnecting')
    vi.advanceTimersByTime(10_000)
    expect(connection.snapshot().link).toBe('offline')
    await daemon.happens('connect_error')
    expect(connection.snapshot().link).toBe('offline')
    await daemon.happens('connect')
    expect(connection.snapshot().link).toBe('connected')
  })

  it('comes back by itself after the daemon closed the connection', async () => {
    await daemon.happens('connect')
    await daemon.happens('disconnect', 'io server disconnect')
    vi.advanceTimersByTime(2_000)
    expect(daemon.reconnects).toBe(1)
  })

  it('goes to the sign-in form when a call is refused because the token ran out', async () => {
    daemon.token = 'good'
    await daemon.happens('connect')
    connection.notSignedIn()
    expect(connection.snapshot()).toMatchObject({ access: 'signin', reason: 'Your sign-in has expired.' })
  })
  it('says why signing in is asked for, also when the connection drops meanwhile', async () => {
    daemon.token = 'good'
    await daemon.happens('connect')
    connection.expectSignOut('The password is new.')
    daemon.token = 'expired'
    daemon.asks = true
    connection.notSignedIn()
    await daemon.happens('disconnect', 'io server disconnect')
    await daemon.happens('connect')
    expect(connection.snapshot()).toMatchObject({ access: 'signin', reason: 'The password is new.' })
  })

  it('knows the user by the new name', async () => {
    daemon.token = 'good'
    await daemon.happens('connect')
    connection.renamed('Ann B.')
    expect(connection.snapshot().user).toMatchObject({ ...ANN, name: 'Ann B.' })
  })
})
