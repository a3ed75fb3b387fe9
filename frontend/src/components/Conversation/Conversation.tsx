import { ActionIcon, Alert, Button, Loader, Menu, Text, TextInput } from '@mantine/core'
import { Suspense, useCallback, useRef, useState } from 'react'
import { app } from '../../contract/client'
import type { Session } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useLookingAt } from '../../hooks/useAttention'
import { useRecords } from '../../hooks/useCollection'
import { useConnection } from '../../hooks/useConnection'
import { useHandedOnFocus } from '../../hooks/useHandedOnFocus'
import { useTitle } from '../../hooks/useTitle'
import { errorText } from '../../model/errors'
import { shortId } from '../../model/ids'
import { formatRoute } from '../../model/route'
import { placeOf, type ShownSession, titleOf } from '../../model/session'
import { isBusy, sessionLook } from '../../model/status'
import { compact, dollars } from '../../model/time'
import { oneSession, tasksOf } from '../../store/stores'
import type { BranchKind } from '../BranchDialog/BranchDialog'
import { Icon } from '../Icon/Icon'
import { PermissionPanel } from '../PermissionPanel/PermissionPanel'
import { PromptBox } from '../PromptBox/PromptBox'
import { Empty, Failed, Loading } from '../States/States'
import { StatusBadge } from '../StatusBadge/StatusBadge'
import { Transcript } from '../Transcript/Transcript'
import styles from './Conversation.module.css'
import { Family } from './Family'
import { lazily } from '../lazily'

const BranchDialog = lazily(() => import('../BranchDialog/BranchDialog'))

interface Closing {
  onClose: () => void
  onExpand?: () => void
}

interface ConversationProps extends Closing {
  sessionId: string
  /** The message to go to. */
  messageId?: string | undefined
}

/** A session with all that was said, and the place to say more. */
export default function Conversation({ sessionId, messageId, ...closing }: ConversationProps) {
  const { records, status, error } = useRecords(oneSession(sessionId))
  const session = records[0]
  useLookingAt(sessionId)
  if (status === 'error') return <Failed error={error} onRetry={() => void oneSession(sessionId).refresh()} />
  if (!session && status === 'loading') return <Loading what="the session" />
  if (!session) {
    return (
      <Empty title="No such session">
        <Text size="sm">It was removed, or is private to somebody else.</Text>
        <Button size="xs" variant="light" onClick={closing.onClose}>
          Back to the board
        </Button>
      </Empty>
    )
  }
  return (
    <section className={styles.panel} aria-label={`Session ${titleOf(session)}`}>
      <Header session={session} {...closing} />
      <Transcript sessionId={sessionId} messageId={messageId} />
      <PermissionPanel session={session} />
      <PromptBox key={sessionId} session={session} />
    </section>
  )
}

function Header({ session, onClose, onExpand }: { session: Session } & Closing) {
  const title = useTitle(session)
  const [branching, setBranching] = useState<BranchKind | null>(null)
  const [isNaming, setNaming] = useState(false)
  const id = session.session_id
  const [stopError, setStopError] = useState<string | null>(null)
  const change = useAction(
    useCallback(async (patch: object) => oneSession(id).merge(await app.service('sessions').patch(id, patch)), [id]),
  )
  const error = stopError ?? change.error
  return (
    <header className={styles.header}>
      <div className={styles.line}>
        {isNaming ? (
          <Naming
            title={title}
            onDone={(given) => {
              setNaming(false)
              if (given !== null) void change.run({ title: given })
            }}
          />
        ) : (
          <h2 className={styles.title} title={title}>
            {title}
          </h2>
        )}
        <SessionMenu session={session} onRename={() => setNaming(true)} onChange={(patch) => void change.run(patch)} />
        {onExpand && (
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Use the whole width"
            onClick={onExpand}
            visibleFrom="md"
          >
            <Icon name="expand" />
          </ActionIcon>
        )}
        <ActionIcon variant="subtle" color="gray" aria-label="Close the session" onClick={onClose}>
          <Icon name="close" />
        </ActionIcon>
      </div>
      <Facts session={session} />
      <Family session={session} />
      <div className={styles.line}>
        {isBusy(session) && <StopButton sessionId={id} onFailed={setStopError} />}
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<Icon name="fork" size={14} />}
          onClick={() => setBranching('fork')}
        >
          Fork
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<Icon name="spawn" size={14} />}
          onClick={() => setBranching('spawn')}
        >
          Spawn
        </Button>
      </div>
      {error && (
        <Alert color="red" p="xs" role="alert">
          {error}
        </Alert>
      )}
      <Suspense>
        {branching && <BranchDialog session={session} kind={branching} onClose={() => setBranching(null)} />}
      </Suspense>
    </header>
  )
}

/** Ends the run. Once it was asked to, it says so until the run has ended; the next one may begin in the same step. */
function StopButton({ sessionId, onFailed }: { sessionId: string; onFailed: (error: string | null) => void }) {
  const { link } = useConnection()
  const button = useRef<HTMLButtonElement>(null)
  useHandedOnFocus(button)
  const running = useRecords(tasksOf(sessionId)).records.find(isBusy)?.task_id
  const [asked, setAsked] = useState<string | null>(null)
  const isAsked = asked !== null && (running ?? asked) === asked
  const stop = async (): Promise<void> => {
    if (isAsked) return
    setAsked(running ?? '')
    onFailed(null)
    try {
      await app.service('sessions').stop({ session_id: sessionId })
    } catch (refusal) {
      setAsked(null)
      onFailed(errorText(refusal))
    }
  }
  return (
    <Button
      ref={button}
      size="compact-sm"
      color="red"
      variant="light"
      disabled={link !== 'connected'}
      // While it is asked it keeps the focus, for what becomes of it.
      aria-disabled={isAsked}
      data-disabled={isAsked || undefined}
      leftSection={isAsked ? <Loader size={12} color="red" /> : <Icon name="stop" size={14} />}
      onClick={() => void stop()}
    >
      {isAsked ? 'Stopping …' : 'Stop'}
    </Button>
  )
}

function Facts({ session }: { session: ShownSession }) {
  const place = placeOf(session)
  const cost = dollars(session.usage?.cost_usd ?? 0)
  const { used_tokens: used = 0, limit_tokens: limit = 0 } = session.context ?? {}
  return (
    <div className={styles.facts}>
      <StatusBadge look={sessionLook(session.status)} />
      <span>
        {session.agent}
        {session.model_config?.model ? ` · ${session.model_config.model}` : ''}
      </span>
      {place.name && (
        <span title={session.repo?.cwd ?? undefined}>
          <Icon name="folder" size={13} />
          {place.name}
        </span>
      )}
      {place.branch && (
        <span>
          <Icon name="branch" size={13} />
          {place.branch}
        </span>
      )}
      <code title={session.session_id}>{shortId(session.session_id, session.short_id)}</code>
      {limit > 0 && used >= limit / 100 && (
        <span title={`${used} of ${limit} tokens`}>
          context {Math.round((100 * used) / limit)} % of {compact(limit)}
        </span>
      )}
      {cost && <span>{cost}</span>}
      {session.sharing === 'private' && <span>private</span>}
      {session.archived && <span>archived</span>}
    </div>
  )
}

function Naming({ title: before, onDone }: { title: string; onDone: (title: string | null) => void }) {
  const [title, setTitle] = useState(before)
  return (
    <form
      style={{ flex: 1 }}
      onSubmit={(event) => {
        event.preventDefault()
        onDone(title.trim())
      }}
    >
      <TextInput
        size="xs"
        aria-label="Title"
        autoFocus
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        onBlur={() => onDone(null)}
        onKeyDown={(event) => event.key === 'Escape' && onDone(null)}
      />
    </form>
  )
}

function SessionMenu({
  session,
  onRename,
  onChange,
}: {
  session: Session
  onRename: () => void
  onChange: (patch: object) => void
}) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="More about this session">
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Icon name="pencil" />} onClick={onRename}>
          Rename
        </Menu.Item>
        <Menu.Item
          component="a"
          leftSection={<Icon name="search" />}
          href={formatRoute({ name: 'search', text: '', filters: { session: session.session_id } })}
        >
          Search in it
        </Menu.Item>
        <Menu.Item onClick={() => void navigator.clipboard?.writeText(session.session_id)}>Copy the id</Menu.Item>
        {!isBusy(session) && session.status !== 'completed' && (
          <Menu.Item onClick={() => onChange({ status: 'completed' })}>Mark as completed</Menu.Item>
        )}
        <Menu.Item onClick={() => onChange({ archived: !session.archived })}>
          {session.archived ? 'Take out of the archive' : 'Archive'}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
