/** A conversation as the rows of a list: tasks as headings, messages with their tools' results, what streams now. */
import type { Message, Task } from '../contract/records'
import { type Block, blocksOf, textOf } from './content'
import { hasEnded } from './status'

export type ToolUse = Extract<Block, { type: 'tool_use' }>
export type ToolResult = Extract<Block, { type: 'tool_result' }>

/** A block, a tool use joined with its result where that came. */
export type Part =
  Exclude<Block, { type: 'tool_use' }> | { type: 'tool'; use: ToolUse; result: ToolResult | null; mayStillEnd: boolean }

export type Row =
  | { kind: 'inherited'; key: string; from: string }
  | { kind: 'own'; key: string }
  | { kind: 'task'; key: string; task: Task; isInherited: boolean }
  | { kind: 'message'; key: string; message: Message; parts: Part[]; depth: number; isInherited: boolean }
  | { kind: 'subagent'; key: string; toolUseId: string; count: number; isOpen: boolean; depth: number }
  | { kind: 'stream'; key: string; depth: number }
  | { kind: 'end'; key: string; task: Task }

export interface Conversation {
  sessionId: string
  tasks: readonly Task[]
  /** By index; those of ancestors with their own `session_id`. */
  messages: readonly Message[]
  /** Whether these are all messages, and not only the latest. */
  isWhole: boolean
  /** Messages that are being said now, in order; their text is not looked at here. */
  streams: readonly { message_id: string; parent_tool_use_id: string | null }[]
  /** Tool uses whose sub-agent's messages are shown or hidden against the rule, which is to show them while it works. */
  toggled: ReadonlySet<string>
}

/**
 * The rows, top to bottom. Tasks that wait their turn have none: they belong to the prompt box.
 *
 * A task's prompt stands in its heading and so not again as a message; results of tools stand with their use; messages of
 * a sub-agent follow the message whose tool use started it, one step in.
 */
export function transcriptRows(conversation: Conversation): Row[] {
  return new Transcript(conversation).rows()
}

/**
 * Where a message is seen, as the place of its row: -1 where it is not, or not yet. Of a prompt that is its task's heading,
 * of a tool's result the use of the tool, of a sub-agent's hidden message the line that shows it.
 */
export function placeOfMessage(rows: readonly Row[], message: Message): number {
  const results = new Set(
    blocksOf(message.content).flatMap((block) => (block.type === 'tool_result' ? [block.toolUseId] : [])),
  )
  const isIt: ((row: Row) => boolean)[] = [
    (row) => row.kind === 'message' && row.message.message_id === message.message_id,
    (row) => row.kind === 'message' && row.parts.some((part) => part.type === 'tool' && results.has(part.use.id)),
    (row) => row.kind === 'subagent' && row.toolUseId === message.parent_tool_use_id,
    (row) => row.kind === 'task' && row.task.task_id === message.task_id,
  ]
  for (const test of isIt) {
    const place = rows.findIndex(test)
    if (place >= 0) return place
  }
  return -1
}

class Transcript {
  private readonly tasks: Map<string, Task>
  private readonly places: Map<string, number>
  private readonly results = new Map<string, ToolResult>()
  private readonly uses = new Set<string>()
  private readonly nested = new Map<string, Message[]>()
  private readonly top: Message[] = []
  private readonly out: Row[] = []

  constructor(private readonly given: Conversation) {
    this.tasks = new Map(given.tasks.map((task) => [task.task_id, task]))
    this.places = new Map(given.tasks.map((task, place) => [task.task_id, place]))
    for (const message of given.messages) this.indexBlocks(message)
    for (const message of given.messages) {
      const parent = message.parent_tool_use_id
      if (parent && this.uses.has(parent)) push(this.nested, parent, message)
      else this.top.push(message)
    }
  }

  rows(): Row[] {
    const { sessionId, streams } = this.given
    const shownTasks = new Set<string>()
    const silent = this.silentTasks()
    let inheritedFrom: string | null = null
    let openTask: Task | null = null
    const own = (): void => {
      if (inheritedFrom === null) return
      this.end(openTask)
      openTask = inheritedFrom = null
      this.out.push({ kind: 'own', key: 'own' })
    }
    const begin = (task: Task, isInherited: boolean): void => {
      this.end(openTask)
      openTask = task
      shownTasks.add(task.task_id)
      this.out.push({ kind: 'task', key: task.task_id, task, isInherited })
    }
    for (const message of this.top) {
      const isInherited = message.session_id !== sessionId
      if (isInherited && message.session_id !== inheritedFrom) {
        this.end(openTask)
        openTask = null
        inheritedFrom = message.session_id
        this.out.push({ kind: 'inherited', key: `from-${message.session_id}`, from: message.session_id })
      }
      if (!isInherited) own()
      const task: Task | null = (message.task_id && this.tasks.get(message.task_id)) || null
      if (task && task !== openTask && !shownTasks.has(task.task_id)) {
        while (silent[0] && this.place(silent[0]) < this.place(task)) begin(silent.shift()!, isInherited)
        begin(task, isInherited)
      }
      if (task && message.role === 'user' && textOf(message.content).trim() === task.full_prompt.trim()) continue
      this.message(message, isNestedElsewhere(message) ? 1 : 0, isInherited)
    }
    for (const task of silent) {
      own()
      begin(task, false)
    }
    for (const stream of streams) {
      const parent = stream.parent_tool_use_id
      const isNested = parent !== null && this.uses.has(parent)
      this.out.push({ kind: 'stream', key: stream.message_id, depth: isNested ? 1 : 0 })
    }
    this.end(openTask)
    return this.out
  }

  /**
   * Tasks without a message, in order: they began a moment ago, or failed before a word was said. What has its messages
   * among those that are not here yet is none of them.
   */
  private silentTasks(): Task[] {
    const { sessionId, tasks, isWhole } = this.given
    const spoken = new Set(this.top.map((message) => message.task_id))
    const isOwnWhole = isWhole || (this.top[0] !== undefined && this.top[0].session_id !== sessionId)
    const first = isOwnWhole ? 0 : tasks.findIndex((task) => spoken.has(task.task_id))
    return tasks.filter(
      (task, place) =>
        task.session_id === sessionId &&
        task.status !== 'created' &&
        !spoken.has(task.task_id) &&
        (first >= 0 ? place >= first : !hasEnded(task)),
    )
  }

  private place(task: Task): number {
    return this.places.get(task.task_id) ?? -1
  }

  private message(message: Message, depth: number, isInherited: boolean): void {
    const parts = this.partsOf(message)
    if (parts.length > 0)
      this.out.push({ kind: 'message', key: message.message_id, message, parts, depth, isInherited })
    for (const part of parts) if (part.type === 'tool') this.subagent(part, depth, isInherited)
  }

  private subagent(part: Extract<Part, { type: 'tool' }>, depth: number, isInherited: boolean): void {
    const messages = this.nested.get(part.use.id)
    if (!messages) return
    const isWorking = part.result === null && part.mayStillEnd
    const isOpen = isWorking !== this.given.toggled.has(part.use.id)
    this.out.push({
      kind: 'subagent',
      key: `sub-${part.use.id}`,
      toolUseId: part.use.id,
      count: messages.length,
      isOpen,
      depth: depth + 1,
    })
    if (isOpen) for (const message of messages) this.message(message, depth + 1, isInherited)
  }

  private end(task: Task | null): void {
    if (task && hasEnded(task) && (task.error || task.status !== 'completed')) {
      this.out.push({ kind: 'end', key: `end-${task.task_id}`, task })
    }
  }

  private indexBlocks(message: Message): void {
    for (const block of blocksOf(message.content)) {
      if (block.type === 'tool_result') this.results.set(block.toolUseId, block)
      if (block.type === 'tool_use') this.uses.add(block.id)
    }
  }

  private partsOf(message: Message): Part[] {
    const task = message.task_id ? this.tasks.get(message.task_id) : undefined
    const mayStillEnd = task !== undefined && !hasEnded(task)
    return blocksOf(message.content).flatMap((block): Part[] => {
      if (block.type === 'tool_use')
        return [{ type: 'tool', use: block, result: this.results.get(block.id) ?? null, mayStillEnd }]
      if (block.type === 'tool_result' && this.uses.has(block.toolUseId)) return []
      if (block.type === 'text' && block.text.trim() === '') return []
      return [block]
    })
  }
}

// Its parent was said before what is here.
const isNestedElsewhere = (message: Message): boolean => message.parent_tool_use_id !== null

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
