/**
 * Records as the daemon sends them. Written by `python -m agor_core.models.generate`; do not edit.
 * Times are ISO 8601 text.
 */
export type SessionStatus = 'idle' | 'running' | 'awaiting_permission' | 'completed' | 'failed'
export type SessionSharing = 'everyone' | 'private'
export type PermissionConfigMode = 'default' | 'acceptEdits' | 'plan' | 'bypassPermissions'
export type TaskStatus = 'created' | 'running' | 'awaiting_permission' | 'completed' | 'failed' | 'stopped'
export type TaskPermissionMode = 'default' | 'acceptEdits' | 'plan' | 'bypassPermissions'
export type TaskErrorKind = 'interrupted' | 'no_cli' | 'no_key' | 'auth' | 'rate_limited' | 'overloaded' | 'bad_model' | 'cwd_missing' | 'prompt_too_large' | 'agent_crashed' | 'timed_out' | 'refused' | 'stopped' | 'unknown'
export type TaskErrorReason = 'history_lost'
export type MessageType = 'user' | 'assistant' | 'system' | 'permission_request' | 'file-history-snapshot'
export type MessageRole = 'user' | 'assistant' | 'system'
export type PermissionStatus = 'pending' | 'approved' | 'denied' | 'cancelled'
export type PermissionScope = 'once' | 'session' | 'project' | 'user'
export type RepoStatus = 'cloning' | 'ready' | 'failed' | 'missing'
export type WorktreeStatus = 'preparing' | 'ready' | 'missing' | 'removed'
export type UserRole = 'owner' | 'admin' | 'member' | 'viewer'

export interface RepoRef {
  repo_id: string | null
  repo_slug: string | null
  worktree_name: string | null
  cwd: string
  managed_worktree: boolean
  /** where below the checkout's root `cwd` is, if it is not that */
  subfolder: string | null
  /** where an answer for the project counts, if not in the repository: that was registered later */
  project: string | null
}

export interface GitState {
  ref: string | null
  /** clean: 40 digits */
  base_sha: string | null
  /** 40 digits, and `-dirty` if anything is changed */
  current_sha: string | null
}

export interface Origin {
  forked_from_session_id: string | null
  /** the last task a fork shares with its origin */
  fork_point_task_id: string | null
  parent_session_id: string | null
  /** the task during which a child was made */
  spawn_point_task_id: string | null
  children?: string[]
}

export interface PermissionConfig {
  mode: PermissionConfigMode
  allowed_tools: string[]
  denied_tools: string[]
}

export interface ModelConfig {
  model: string | null
  thinking_tokens: number | null
}

export interface Usage {
  input_tokens: number
  output_tokens: number
  cache_read_tokens: number
  cache_write_tokens: number
  cost_usd: number
}

export interface ContextWindow {
  used_tokens: number
  limit_tokens: number
}

export interface Position {
  x: number
  y: number
}

export interface MessageRange {
  start_index: number
  end_index: number
  start_timestamp: string
  end_timestamp: string | null
}

export interface TaskGitState {
  ref_at_start: string | null
  /** clean: 40 digits */
  sha_at_start: string | null
  /** 40 digits, and `-dirty` if anything is changed */
  sha_at_end: string | null
  /** what was uncommitted before the task */
  start_snapshot_id: string | null
  /** what was uncommitted after it */
  end_snapshot_id: string | null
  commits: string[] | null
  files_changed: number | null
  insertions: number | null
  deletions: number | null
}

export interface TaskError {
  kind: TaskErrorKind
  message: string
  /** from when on trying again makes sense, if the agent says */
  retry_at: string | null
  /** history_lost: the agent has the conversation no more; `resume {from_history: true}` tells it ours */
  reason: TaskErrorReason | null
}

export interface TaskReport {
  template: string | null
  path: string | null
  generated_at: string | null
}

export interface ToolUse {
  id: string
  name: string
  input: unknown
}

export interface MessageMetadata {
  model: string | null
  tokens: unknown
  /** the agent's own id of the message */
  original_id: string | null
  is_meta: boolean | null
  is_error: boolean | null
  /** an imported record of a kind that nobody knows, as it was */
  record: unknown
}

export interface Branch {
  name: string
  sha: string
  /** which has it; null for a local one */
  remote: string | null
}

export interface Session {
  session_id: string
  status: SessionStatus
  agent: string
  board_id: string | null
  worktree_id: string | null
  parent_session_id: string | null
  forked_from_session_id: string | null
  archived: boolean
  sharing: SessionSharing
  /** own messages */
  message_count: number
  title: string | null
  description: string | null
  agent_version: string | null
  /** the agent's own id of the conversation, to resume it */
  agent_session_id: string | null
  repo: RepoRef | null
  git_state: GitState | null
  genealogy: Origin
  concepts: string[]
  tool_use_count: number
  permission_config: PermissionConfig
  model_config: ModelConfig
  usage: Usage
  context: ContextWindow | null
  position: Position | null
  /** why waiting prompts do not start; null: they do */
  queue_paused: string | null
  /** grows with each change a client makes */
  version: number
  created_at: string
  last_updated: string
  created_by: string
  tasks?: string[]
  short_id?: string
}

export interface Task {
  task_id: string
  session_id: string
  status: TaskStatus
  started_at: string | null
  completed_at: string | null
  description: string
  full_prompt: string
  message_range: MessageRange | null
  git_state: TaskGitState | null
  /** asked for with this prompt only */
  permission_mode: TaskPermissionMode | null
  /** asked for with this prompt only */
  thinking_tokens: number | null
  /** asked for with this prompt only */
  allowed_tools: string[] | null
  /** asked for with this prompt only */
  denied_tools: string[] | null
  /** told from what is stored, not resumed */
  from_history: boolean
  model: string | null
  /** the question of an interrupted task that was answered, and that this task goes on from */
  answers_request_id: string | null
  tool_use_count: number
  usage: Usage | null
  duration_ms: number | null
  error: TaskError | null
  report: TaskReport | null
  created_at: string
  last_updated: string
  created_by: string
  short_id?: string
}

export interface Message {
  message_id: string
  session_id: string
  task_id: string | null
  index: number
  type: MessageType
  role: MessageRole
  timestamp: string
  parent_tool_use_id: string | null
  content_preview: string
  /** text, or blocks: text, thinking, image, tool_use, tool_result */
  content: unknown
  tool_uses: ToolUse[]
  metadata: MessageMetadata
  created_at: string
  last_updated: string
  created_by: string
  truncated?: boolean
  short_id?: string
}

export interface PermissionRequest {
  request_id: string
  session_id: string | null
  task_id: string | null
  status: PermissionStatus
  scope: PermissionScope | null
  tool_name: string
  tool_input: Record<string, unknown>
  tool_use_id: string | null
  suggestions: unknown[]
  /** what an answer for longer than once covers; without a scope yet: what it would cover */
  rules: string[]
  decided_by: string | null
  decided_at: string | null
  reason: string | null
  /** what a person made of the input */
  updated_input: Record<string, unknown> | null
  /** the earlier request whose answer answered this */
  rule_request_id: string | null
  revoked_by: string | null
  /** since when its rules count no more */
  revoked_at: string | null
  /** what a rule whose session is gone is about: the id of a repository, or a folder */
  project: string | null
  created_at: string
  last_updated: string
  created_by: string
  short_id?: string
}

export interface Board {
  board_id: string
  name: string
  slug: string
  description: string | null
  icon: string | null
  color: string | null
  /** zones and notes by their id */
  objects: Record<string, unknown>
  created_at: string
  last_updated: string
  created_by: string
  sessions?: string[]
  short_id?: string
}

export interface Repo {
  repo_id: string
  slug: string
  status: RepoStatus
  name: string
  /** never with a credential in it */
  remote_url: string | null
  local_path: string
  /** a bare clone of ours, or the user's own checkout */
  managed_by_agor: boolean
  default_branch: string | null
  error: string | null
  created_at: string
  last_updated: string
  created_by: string
  worktrees?: string[]
  branches?: Branch[]
  short_id?: string
}

export interface Worktree {
  worktree_id: string
  repo_id: string
  name: string
  status: WorktreeStatus
  board_id: string | null
  archived: boolean
  path: string
  /** below Agor's home; false: one that was there already, or made with plain git */
  managed_by_agor: boolean
  /** the branch that is checked out */
  ref: string | null
  /** where it began */
  base_ref: string | null
  base_sha: string | null
  new_branch: boolean
  tracking_branch: string | null
  last_commit_sha: string | null
  dirty: boolean
  ahead: number
  behind: number
  issue_url: string | null
  pull_request_url: string | null
  notes: string | null
  /** what was uncommitted when it was removed */
  removal_snapshot_id: string | null
  last_used: string | null
  created_at: string
  last_updated: string
  created_by: string
  sessions?: string[]
  short_id?: string
}

export interface User {
  user_id: string
  email: string
  role: UserRole
  name: string
  avatar: string | null
  preferences: Record<string, unknown>
  created_at: string
  last_updated: string
  created_by: string
  short_id?: string
}
