import { ActionIcon, Button, Menu, TextInput } from '@mantine/core'
import { useCallback, useState, useSyncExternalStore } from 'react'
import { app } from '../../contract/client'
import type { Board } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { useConnection } from '../../hooks/useConnection'
import { goTo } from '../../hooks/useRoute'
import { formatRoute, type Route } from '../../model/route'
import { boards, countOfBoard } from '../../store/stores'
import { Dialog } from '../Dialog/Dialog'
import { ConfirmDialog } from '../ConfirmDialog/ConfirmDialog'
import { DialogForm } from '../Form/Form'
import { Icon, type IconName } from '../Icon/Icon'
import { Failed, Loading } from '../States/States'
import styles from './Sidebar.module.css'

type Asking = { what: 'create' } | { what: 'rename' | 'delete'; board: Board } | null

interface SidebarProps {
  currentBoardId: string | null
  /** Which page is open. */
  place: Route['name']
  onNewSession: () => void
  onImport: () => void
}

/** The boards, and what can be started from anywhere. */
export function Sidebar({ currentBoardId, place, onNewSession, onImport }: SidebarProps) {
  const { user } = useConnection()
  const { records, status, error } = useRecords(boards())
  const [asking, setAsking] = useState<Asking>(null)
  const close = useCallback(() => setAsking(null), [])
  return (
    <div className={styles.nav}>
      <div className={styles.head}>
        Boards
        <ActionIcon
          size="sm"
          variant="subtle"
          color="gray"
          aria-label="New board"
          onClick={() => setAsking({ what: 'create' })}
        >
          <Icon name="add" size={14} />
        </ActionIcon>
      </div>
      {status === 'error' ? (
        <Failed error={error} onRetry={() => void boards().refresh()} />
      ) : status === 'loading' && records.length === 0 ? (
        <Loading what="boards" />
      ) : (
        <ul className={styles.list}>
          {records.map((board) => (
            <BoardItem
              key={board.board_id}
              board={board}
              isCurrent={board.board_id === currentBoardId}
              onAsk={(what) => setAsking({ what, board })}
            />
          ))}
        </ul>
      )}
      <div className={styles.foot}>
        <PageLink route={{ name: 'search', text: '', filters: {} }} place={place} icon="search" label="Search" />
        <PageLink route={{ name: 'repos' }} place={place} icon="folder" label="Repositories" />
        {user && <PageLink route={{ name: 'users' }} place={place} icon="users" label="People" />}
        <Button variant="light" size="xs" leftSection={<Icon name="add" size={14} />} onClick={onNewSession}>
          New session
        </Button>
        <Button variant="default" size="xs" leftSection={<Icon name="import" size={14} />} onClick={onImport}>
          Import a transcript
        </Button>
      </div>
      {asking?.what === 'create' && <NameBoard onClose={close} />}
      {asking?.what === 'rename' && <NameBoard board={asking.board} onClose={close} />}
      {asking?.what === 'delete' && (
        <DeleteBoard board={asking.board} isCurrent={asking.board.board_id === currentBoardId} onClose={close} />
      )}
    </div>
  )
}

function PageLink({
  route,
  place,
  icon,
  label,
}: {
  route: Route
  place: Route['name']
  icon: IconName
  label: string
}) {
  const isCurrent = route.name === place
  return (
    <div className={isCurrent ? `${styles.item} ${styles.current}` : styles.item}>
      <a className={styles.link} href={formatRoute(route)} aria-current={isCurrent ? 'page' : undefined}>
        <Icon name={icon} />
        <span>{label}</span>
      </a>
    </div>
  )
}

function BoardItem({
  board,
  isCurrent,
  onAsk,
}: {
  board: Board
  isCurrent: boolean
  onAsk: (what: 'rename' | 'delete') => void
}) {
  const counter = countOfBoard(board.board_id)
  const count = useSyncExternalStore(counter.subscribe, counter.snapshot)
  return (
    <li className={isCurrent ? `${styles.item} ${styles.current}` : styles.item}>
      <a
        className={styles.link}
        href={formatRoute({ name: 'board', slug: board.slug })}
        aria-current={isCurrent ? 'page' : undefined}
      >
        {board.icon ? <span aria-hidden>{board.icon}</span> : <Icon name="board" />}
        <span>{board.name}</span>
        {count !== null && (
          <span className={styles.count} aria-label={`${count} sessions`}>
            {count}
          </span>
        )}
      </a>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon size={24} variant="subtle" color="gray" mr={4} aria-label={`More about the board ${board.name}`}>
            <Icon name="more" size={14} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<Icon name="pencil" />} onClick={() => onAsk('rename')}>
            Rename
          </Menu.Item>
          <Menu.Item leftSection={<Icon name="trash" />} color="red" onClick={() => onAsk('delete')}>
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </li>
  )
}

function NameBoard({ board, onClose }: { board?: Board; onClose: () => void }) {
  const [name, setName] = useState(board?.name ?? '')
  const save = useCallback(async () => {
    const saved = board
      ? await app.service('boards').patch(board.board_id, { name: name.trim() })
      : await app.service('boards').create({ name: name.trim() })
    boards().merge(saved)
    if (!board) goTo({ name: 'board', slug: saved.slug })
    onClose()
  }, [board, name, onClose])
  const action = useAction(save)
  return (
    <Dialog onClose={onClose} title={board ? `Rename ${board.name}` : 'New board'}>
      <DialogForm action={action} verb={board ? 'Rename' : 'Create'} isComplete={name.trim() !== ''} onClose={onClose}>
        <TextInput label="Name" data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
      </DialogForm>
    </Dialog>
  )
}

function DeleteBoard({ board, isCurrent, onClose }: { board: Board; isCurrent: boolean; onClose: () => void }) {
  const remove = useCallback(async () => {
    await app.service('boards').remove(board.board_id)
    if (isCurrent) goTo({ name: 'home' }, true)
  }, [board.board_id, isCurrent])
  return (
    <ConfirmDialog
      title={`Delete ${board.name}?`}
      text="Its sessions are kept, on no board."
      verb="Delete"
      call={remove}
      onClose={onClose}
    />
  )
}
