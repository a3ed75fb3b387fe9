/** The collections this program looks at, one of each, made when first asked for. */
import { app, type Page, type PartialMessage, read } from '../contract/client'
import type { Board, Message, PermissionRequest, Repo, Session, Task, User, Worktree } from '../contract/records'
import { Connection } from './connection'
import type { EndedTask, NamedSession } from '../model/attention'
import { byName } from '../model/names'
import { BoardCount } from './counts'
import { forgetFirstPrompts } from './firstPrompts'
import { LiveCollection, type RecordSource } from './liveCollection'
import { Seen } from './seen'
import { SessionStreams, type StreamSource } from './streams'
import { Turns } from './turns'

export const connection = new Connection({
  onSocket: (event, listener) => void app.io.on(event, listener),
  wasRecovered: () => app.io.recovered,
  reconnect: () => void app.io.connect(),
  storedToken: () => app.authentication.getAccessToken(),
  reAuthenticate: () => app.reAuthenticate(),
  authenticate: (email, password) => app.authenticate({ strategy: 'local', email, password }),
  logout: () => app.logout(),
  probe: () => app.service('boards').find({ query: { $limit: 0 } }),
})

/** All records are told of in the same steps, so that what belongs together is seen together. */
const { soon } = new Turns()

// Closed conversations are kept for coming back to them, but not all of them.
const KEPT = 24

/** One value per key; the ones not asked for lately are let go. */
class Kept<T> {
  private values = new Map<string, T>()

  constructor(private readonly make: (key: string) => T) {
    forgetters.push(() => this.values.clear())
  }

  get = (key: string): T => {
    const value = this.values.get(key) ?? this.make(key)
    this.values.delete(key)
    this.values.set(key, value)
    if (this.values.size > KEPT) this.values.delete(this.values.keys().next().value!)
    return value
  }
}

const forgetters: (() => void)[] = []

/** Let go of every record: what one user could read is not for the next. */
export function forgetAll(): void {
  forgetFirstPrompts()
  for (const forget of forgetters) forget()
}

const source = <T>(path: Parameters<typeof app.service>[0]): RecordSource<T> =>
  app.service(path as 'boards') as unknown as RecordSource<T>
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const oldestFirst = <T extends { created_at: string }>(a: T, b: T): number => text(a.created_at, b.created_at)

const MOST_REMOVED = 200
const LASTING: string[] = ['session', 'project', 'user']
const singles = new Kept<unknown>((key) => {
  switch (key) {
    case 'boards':
      return new LiveCollection<Board>(source('boards'), connection, soon, { id: 'board_id', order: oldestFirst })
    case 'repos':
      return new LiveCollection<Repo>(source('repos'), connection, soon, {
        id: 'repo_id',
        order: (a, b) => byName(a.slug, b.slug),
      })
    case 'worktrees':
      return new LiveCollection<Worktree>(source('worktrees'), connection, soon, {
        id: 'worktree_id',
        query: { status: { $ne: 'removed' } },
        matches: (worktree) => worktree.status !== 'removed' && worktree.status !== 'preparing',
        order: (a, b) => byName(a.name, b.name),
      })
    case 'users':
      return new LiveCollection<User>(source('users'), connection, soon, {
        id: 'user_id',
        order: (a, b) => text(a.name, b.name),
      })
    case 'removed-worktrees':
      return new LiveCollection<Worktree>(source('worktrees'), connection, soon, {
        id: 'worktree_id',
        query: { status: 'removed', $sort: { last_updated: -1 } },
        matches: (worktree) => worktree.status === 'removed',
        order: (a, b) => text(b.last_updated, a.last_updated),
        most: MOST_REMOVED,
      })
    case 'standing-answers':
      return new LiveCollection<PermissionRequest>(source('permissions'), connection, soon, {
        id: 'request_id',
        query: { scope: { $in: LASTING }, status: { $in: ['approved', 'denied'] }, revoked_at: null },
        matches: (request) =>
          LASTING.includes(request.scope ?? '') &&
          (request.status === 'approved' || request.status === 'denied') &&
          request.revoked_at === null,
        order: (a, b) => text(b.created_at, a.created_at),
      })
    default:
      return new LiveCollection<PermissionRequest>(source('permissions'), connection, soon, {
        id: 'request_id',
        query: { status: 'pending' },
        matches: (request) => request.status === 'pending',
        order: oldestFirst,
      })
  }
})

export const boards = () => singles.get('boards') as LiveCollection<Board>
export const repos = () => singles.get('repos') as LiveCollection<Repo>
export const worktrees = () => singles.get('worktrees') as LiveCollection<Worktree>
/** The accounts, as far as this user may see them. */
export const users = () => singles.get('users') as LiveCollection<User>
/** Those that were removed and can be restored, the latest first. */
export const removedWorktrees = () => singles.get('removed-worktrees') as LiveCollection<Worktree>
/** Answers that count for later questions, too. */
export const standingAnswers = () => singles.get('standing-answers') as LiveCollection<PermissionRequest>
/** Questions of agents that nobody answered yet, of all sessions. */
export const openQuestions = () => singles.get('permissions') as LiveCollection<PermissionRequest>

// Nobody reads through more; what is older is found on its board, or by searching.
const MOST_NEWS = 300

/** The runs that go on, and those that ended after this time (ISO). */
export const runsSince = new Kept(
  (since) =>
    new LiveCollection<EndedTask & { last_updated: string }>(source('tasks'), connection, soon, {
      id: 'task_id',
      query: {
        $or: [{ status: { $in: LIVE_TASKS } }, { completed_at: { $gt: since } }],
        $select: [
          ...['task_id', 'session_id', 'status', 'started_at', 'completed_at', 'created_at', 'last_updated'],
          ...['description', 'error'],
        ],
        $sort: { created_at: -1 },
      },
      matches: (task) => LIVE_TASKS.includes(task.status) || (task.completed_at ?? '') > since,
      order: oldestFirst,
      most: MOST_NEWS,
    }),
).get
const LIVE_TASKS: string[] = ['running', 'awaiting_permission']

/** The sessions something happened to after this time (ISO), those in the archive excepted. */
export const sessionsSince = new Kept(
  (since) =>
    new LiveCollection<NamedSession & Pick<Session, 'archived'>>(source('sessions'), connection, soon, {
      id: 'session_id',
      query: {
        archived: false,
        last_updated: { $gt: since },
        $select: ['session_id', 'title', 'description', 'agent', 'status', 'archived', 'last_updated'],
        $sort: { last_updated: -1 },
      },
      matches: (session) => !session.archived,
      order: (a, b) => text(b.last_updated, a.last_updated),
      most: MOST_NEWS,
    }),
).get

/** What a user looked at in this browser; the key is the user's id. */
export const seenBy = new Kept((userId) => {
  const key = `agor-seen-${userId}`
  const seen = new Seen(key, window.localStorage, Date.now())
  window.addEventListener('storage', (event) => event.key === key && seen.reload())
  return seen
}).get

/** The most sessions a canvas shows: the newest ones. */
export const MOST_CARDS = 1000

export const sessionsOfBoard = new Kept(
  (boardId) =>
    new LiveCollection<Session>(source('sessions'), connection, soon, {
      id: 'session_id',
      query: { board_id: boardId, archived: false },
      matches: (session) => session.board_id === boardId && !session.archived,
      order: oldestFirst,
      pageSize: MOST_CARDS,
      most: MOST_CARDS,
    }),
).get

/** How many sessions a board has. */
export const countOfBoard = new Kept((boardId) => new BoardCount(boardId, app.service('sessions'), connection)).get

/** A collection of just this session. */
export const oneSession = new Kept(
  (sessionId) =>
    new LiveCollection<Session>(source('sessions'), connection, soon, {
      id: 'session_id',
      query: { session_id: sessionId },
      matches: (session) => session.session_id === sessionId,
      order: oldestFirst,
    }),
).get

export const tasksOf = new Kept(
  (sessionId) =>
    new LiveCollection<Task>(source('tasks'), connection, soon, {
      id: 'task_id',
      query: { session_id: sessionId },
      matches: (task) => task.session_id === sessionId,
      order: (a, b) => oldestFirst(a, b) || text(a.task_id, b.task_id),
    }),
).get

/** What is fetched of a conversation at once, from its end. */
const NEWEST_MESSAGES = 200

/** A session's messages with those a fork inherited: the newest, and earlier ones as they are asked for. */
export const messagesOf = new Kept((sessionId) => {
  const inherited = new Set<string>()
  const messages = source<Message>('messages')
  const noting: RecordSource<Message> = {
    get: (id) => messages.get(id),
    on: (event, listener) => messages.on(event, listener),
    off: (event, listener) => messages.off(event, listener),
    find: async (params): Promise<Page<Message>> => {
      const page = await messages.find(params)
      for (const message of page.data) if (message.session_id !== sessionId) inherited.add(message.message_id)
      return page
    },
  }
  return new LiveCollection<Message>(noting, connection, soon, {
    id: 'message_id',
    query: { session_id: sessionId, $history: true, $sort: { index: -1 } },
    matches: (message) => message.session_id === sessionId || inherited.has(message.message_id),
    order: (a, b) => a.index - b.index,
    window: { first: NEWEST_MESSAGES, after: (earliest) => ({ index: { $lt: earliest.index } }) },
  })
}).get

export const streamsOf = new Kept((sessionId) => {
  const messages = app.service('messages')
  const streaming: StreamSource = {
    on: (event, listener) => messages.on(event, listener),
    off: (event, listener) => messages.off(event, listener),
    soFar: () => read<PartialMessage[]>(`sessions/${sessionId}/streams`),
  }
  return new SessionStreams(sessionId, streaming, connection, soon)
}).get
