/** Whether the daemon is there, and who we are to it. */
import type { User } from '../contract/records'
import { errorText, isConnectionLoss, isNotSignedIn } from '../model/errors'
import type { Reconnects } from './liveCollection'

export interface ConnectionState {
  /** `offline`: not reached for a while; trying goes on all the same. */
  link: 'connecting' | 'connected' | 'reconnecting' | 'offline'
  /** `open`: may read; `signin`: the daemon asks who this is. */
  access: 'checking' | 'open' | 'signin'
  user: User | null
  /** Why signing in is asked for again. */
  reason: string | null
}

/** What the connection needs of the Feathers client. */
export interface Daemon {
  onSocket(event: 'connect' | 'disconnect' | 'connect_error', listener: (reason?: unknown) => void): void
  wasRecovered(): boolean
  reconnect(): void
  storedToken(): Promise<string | null>
  reAuthenticate(): Promise<{ user: User }>
  authenticate(email: string, password: string): Promise<{ user: User }>
  logout(): Promise<unknown>
  /** A small read that says 401 where signing in is required. */
  probe(): Promise<unknown>
}

const OFFLINE_AFTER_MS = 10_000
const RETRY_MS = 2_000

export class Connection implements Reconnects {
  private state: ConnectionState = { link: 'connecting', access: 'checking', user: null, reason: null }
  private listeners = new Set<() => void>()
  private connectListeners = new Set<(recovered: boolean) => void>()
  private expected: string | null = null
  private offlineTimer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly daemon: Daemon) {
    daemon.onSocket('connect', () => void this.onConnected())
    daemon.onSocket('disconnect', (reason) => this.onLost(reason))
    daemon.onSocket('connect_error', () => this.onLost('connect_error'))
    this.expectSoon()
  }

  snapshot = (): ConnectionState => this.state

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Called once calls are possible (again); `recovered` is true when every missed event was replayed. */
  onConnect(listener: (recovered: boolean) => void): () => void {
    this.connectListeners.add(listener)
    return () => this.connectListeners.delete(listener)
  }

  /** Rejects with the daemon's refusal. */
  signIn = async (email: string, password: string): Promise<void> => {
    const { user } = await this.daemon.authenticate(email, password)
    this.set({ access: 'open', user, reason: null })
    this.tell(false)
  }

  signOut = async (): Promise<void> => {
    await this.daemon.logout()
    this.set({ access: 'signin', user: null, reason: null })
  }

  /** What the user does now ends this sign-in, too: what the form is to say then. null: it did not after all. */
  expectSignOut = (reason: string | null): void => {
    this.expected = reason
  }

  /** The user has taken another name. */
  renamed = (name: string): void => {
    if (this.state.user) this.set({ user: { ...this.state.user, name } })
  }

  /** A call was refused because nobody is signed in: the token expired, or the daemon was told to ask. */
  notSignedIn = (): void => {
    if (this.state.access !== 'open') return
    this.set({ access: 'signin', user: null, reason: this.endOfSignIn() })
  }

  private async onConnected(): Promise<void> {
    clearTimeout(this.offlineTimer)
    this.offlineTimer = undefined
    const recovered = this.daemon.wasRecovered()
    this.set({ link: 'connected' })
    try {
      const user = await this.userOfToken()
      if (user === null) await this.daemon.probe()
      this.set({ access: 'open', user, reason: null })
      this.tell(recovered)
    } catch (error) {
      if (isConnectionLoss(error)) return
      const reason = isNotSignedIn(error) ? this.endOfSignIn() : errorText(error)
      this.set({ access: 'signin', user: null, reason })
    }
  }

  private endOfSignIn(): string | null {
    if (!this.state.user) return this.state.reason
    const reason = this.expected ?? 'Your sign-in has expired.'
    this.expected = null
    return reason
  }

  /** Who the token of last time belongs to. A token that counts no more is as good as none: maybe nobody is asked. */
  private async userOfToken(): Promise<User | null> {
    if ((await this.daemon.storedToken()) === null) return null
    try {
      return (await this.daemon.reAuthenticate()).user
    } catch (error) {
      if (isNotSignedIn(error)) return null
      throw error
    }
  }

  private onLost(reason: unknown): void {
    this.set({
      link:
        this.state.link === 'offline' ? 'offline' : this.state.link === 'connecting' ? 'connecting' : 'reconnecting',
    })
    this.expectSoon()
    // After a disconnect by the server socket.io-client stays away unless told to come back.
    if (reason === 'io server disconnect') setTimeout(() => this.daemon.reconnect(), RETRY_MS)
  }

  private expectSoon(): void {
    this.offlineTimer ??= setTimeout(() => this.set({ link: 'offline' }), OFFLINE_AFTER_MS)
  }

  private tell(recovered: boolean): void {
    for (const listener of [...this.connectListeners]) listener(recovered)
  }

  private set(change: Partial<ConnectionState>): void {
    this.state = { ...this.state, ...change }
    for (const listener of [...this.listeners]) listener()
  }
}
