/** The one connection to the daemon: the official Feathers client over Socket.IO, with the daemon's methods and types. */
import authentication, { AuthenticationClient } from '@feathersjs/authentication-client'
import { feathers } from '@feathersjs/feathers'
import socketio from '@feathersjs/socketio-client'
import { io, type Socket } from 'socket.io-client'
import type { Board, Message, PermissionRequest, Repo, Session, Task, User, Worktree } from './records'

/** An answer to `find`. */
export interface Page<T> {
  total: number
  limit: number
  skip: number
  data: T[]
}

export type Query = Record<string, unknown>

/** What the daemon refuses a call with: the Feathers error family. */
export interface ServiceError extends Error {
  code?: number
  className?: string
  data?: Record<string, unknown>
}

type Listener = (record: never) => void

/** A service as this program uses it. Record methods take the record's id inside the data. */
export interface Service<T> {
  find(params?: { query?: Query }): Promise<Page<T>>
  get(id: string): Promise<T>
  create(data: object): Promise<T>
  patch(id: string, data: object): Promise<T>
  remove(id: string, params?: { query?: Query }): Promise<T>
  on(event: string, listener: Listener): unknown
  off(event: string, listener: Listener): unknown
}

/** The client's own class for signing in, as far as it is changed here. */
type ClientConstructor = new (...given: never[]) => {
  authenticated: boolean
  reAuthenticate(force: boolean): Promise<unknown>
  handleSocket(socket: Socket): void
}

type Method<T> = (data: object) => Promise<T>

export interface Agent {
  name: string
  installed: boolean
  version?: string | null
  signed_in?: boolean | null
  problem?: string | null
  how_to?: string | null
}

export interface Genealogy {
  session: Session
  ancestors: Session[]
  descendants: Session[]
  children: Session[]
}

export interface Queue {
  paused: boolean
  reason?: string | null
  tasks: Task[]
}

/** The text so far of a message that is streaming; `chunks` says how many pieces are in it. */
export interface PartialMessage {
  message_id: string
  session_id: string
  task_id: string | null
  message_index: number
  parent_tool_use_id: string | null
  text: string
  thinking: string
  chunks: number
  thinking_chunks: number
}

export interface DiffFile {
  path: string
  /** Where a renamed or copied file came from. */
  old_path?: string
  status: string
  insertions: number
  deletions: number
  patch?: string
  /** Why there is no patch. */
  omitted?: 'binary' | 'too large' | 'submodule'
}

export interface WorktreeStanding {
  branch: string | null
  ahead: number
  behind: number
  dirty: boolean
  files: WorktreeFile[]
}

export interface WorktreeFile {
  path: string
  kind: 'changed' | 'untracked' | 'conflicted'
  staged: string | null
  unstaged: string | null
  old_path: string | null
}

export interface Snapshot {
  snapshot_id: string
  sha: string
  created_at: string
  reason: string
  branch: string | null
}

interface Services {
  sessions: Service<Session> & {
    fork: Method<Session>
    spawn: Method<Session>
    prompt: Method<Task>
    resume: Method<Task>
    stop: Method<unknown>
    queue: Method<Queue>
    import: Method<Session>
  }
  tasks: Service<Task>
  messages: Service<Message>
  permissions: Service<PermissionRequest> & { decide: Method<PermissionRequest>; revoke: Method<PermissionRequest> }
  boards: Service<Board>
  repos: Service<Repo> & { clone: Method<Repo> }
  worktrees: Service<Worktree> & { restore: Method<Worktree>; snapshot: Method<Snapshot | null> }
  users: Service<User> & { revoke: Method<User> }
}

/** The sign-in a connection has. */
export interface SignIn {
  user: User
  accessToken: string
}

interface App {
  io: Socket
  service<Path extends keyof Services>(path: Path): Services[Path]
  service(path: string): {
    find(params?: { query?: Query }): Promise<unknown>
    remove(id: string, params?: { query?: Query }): Promise<unknown>
  }
  use(path: string, service: unknown, options: { methods: string[] }): void
  configure(plugin: unknown): App
  hooks(hooks: { error: { all: ((context: { path: string; error: ServiceError }) => void)[] } }): void
  authenticate(data: object): Promise<SignIn>
  reAuthenticate(force?: boolean): Promise<SignIn>
  logout(): Promise<unknown>
  authentication: { getAccessToken(): Promise<string | null>; removeAccessToken(): Promise<unknown> }
}

const STANDARD = ['find', 'get', 'create', 'update', 'patch', 'remove']
const CUSTOM_METHODS: Record<string, string[]> = {
  sessions: ['fork', 'spawn', 'prompt', 'resume', 'stop', 'queue', 'import'],
  permissions: ['decide', 'revoke'],
  repos: ['clone'],
  worktrees: ['restore', 'snapshot'],
  users: ['revoke'],
}

// With a time limit socket.io-client fails calls in flight at once when the connection drops; without one they would
// never settle. The limit itself is as long as the slowest call, a worktree whose remote is fetched first.
const CALL_LIMIT_MS = 300_000

// The client would take a token out of the page's address (`#access_token=…`), and with it whoever made the link.
// A name no address can hold switches that off.
const NO_TOKEN_IN_ADDRESS = '(?!)'

/** Signs in again after a reconnect as the client does, but leaves a refusal to whoever waits for the sign-in. */
class QuietAuthentication extends (AuthenticationClient as unknown as ClientConstructor) {
  override handleSocket(socket: Socket): void {
    socket.on('disconnect', () => {
      if (this.authenticated) this.reAuthenticate(true).catch(() => undefined)
    })
  }
}

function connect(): App {
  const socket = io({
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    ackTimeout: CALL_LIMIT_MS,
    reconnectionDelayMax: 3000,
  })
  const transport = socketio(socket) as unknown as { service(path: string): unknown }
  const made = feathers() as unknown as App
  made.configure(transport)
  made.configure(
    authentication({
      Authentication: QuietAuthentication as never, // the declared constructor names types that are not exported
      storage: window.localStorage,
      locationKey: NO_TOKEN_IN_ADDRESS,
      locationErrorKey: NO_TOKEN_IN_ADDRESS,
    }),
  )
  for (const [path, methods] of Object.entries(CUSTOM_METHODS)) {
    made.use(path, transport.service(path), { methods: [...STANDARD, ...methods] })
  }
  return made
}

export const app = connect()

/** Hear of every call that the daemon refused, attempts to sign in excepted. */
export function onRefused(listener: (error: ServiceError) => void): void {
  app.hooks({ error: { all: [(context) => void (context.path === 'authentication' || listener(context.error))] } })
}

/** What `GET /<path>` answers, for paths that only read. */
export async function read<T>(path: string, query: Query = {}): Promise<T> {
  return (await app.service(path).find({ query })) as T
}
