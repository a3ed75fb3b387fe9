import {
  ActionIcon,
  Badge,
  Burger,
  Button,
  Menu,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
  VisuallyHidden,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Suspense, useCallback, useEffect } from 'react'
import icon from '../../assets/icon.svg'
import { useAction } from '../../hooks/useAction'
import { useAttention } from '../../hooks/useAttention'
import { useConnection } from '../../hooks/useConnection'
import { goTo } from '../../hooks/useRoute'
import { attentionWords } from '../../model/attention'
import { formatRoute } from '../../model/route'
import { connection, forgetAll } from '../../store/stores'
import { Guard } from '../Guard/Guard'
import { Icon } from '../Icon/Icon'
import styles from './TopBar.module.css'
import { lazily } from '../lazily'

const Inbox = lazily(() => import('../Inbox/Inbox'))

const LINKS = {
  connecting: { label: 'Connecting', color: 'yellow' },
  connected: { label: 'Connected', color: 'teal' },
  reconnecting: { label: 'Reconnecting', color: 'yellow' },
  offline: { label: 'Offline', color: 'red' },
} as const

interface TopBarProps {
  isNavOpen: boolean
  onToggleNav: () => void
}

/** What is always there: home, whether the daemon is, who asks something, who is signed in. */
export function TopBar({ isNavOpen, onToggleNav }: TopBarProps) {
  const { link, access, user } = useConnection()
  const look = LINKS[link]
  return (
    <div className={styles.bar}>
      {access === 'open' && (
        <Burger size="sm" hiddenFrom="sm" opened={isNavOpen} onClick={onToggleNav} aria-label="Boards" />
      )}
      <a className={styles.brand} href="#/">
        <img src={icon} width={24} height={24} alt="" /> Agor
      </a>
      <span className={styles.link} role="status" aria-label={`Connection: ${look.label}`}>
        <span className={styles.dot} style={{ background: `var(--mantine-color-${look.color}-filled)` }} />
        <Text span size="xs" visibleFrom="xs">
          {look.label}
        </Text>
      </span>
      {access === 'open' && <SearchButton />}
      {access === 'open' && <AttentionButton />}
      <SchemeSwitch />
      {user && <UserMenu name={user.name || user.email} />}
    </div>
  )
}

/** How much waits for this person, also in the tab's title, and beside it, quietly, what has finished; opened, what it is. */
function AttentionButton() {
  const found = useAttention()
  const [isOpen, inbox] = useDisclosure(false)
  const { waiting, questions, failed, finished } = found
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) Agor` : 'Agor'
  }, [waiting])
  const color = questions.length > 0 ? 'orange' : failed.length > 0 ? 'red' : 'gray'
  return (
    <>
      <Button
        size="compact-sm"
        color={color}
        variant={waiting > 0 ? 'filled' : 'subtle'}
        leftSection={<Icon name={questions.length > 0 ? 'hand' : 'inbox'} size={14} />}
        rightSection={
          finished.length > 0 && (
            <Badge aria-hidden size="sm" color="teal" variant="light" leftSection={<Icon name="check" size={10} />}>
              {finished.length}
            </Badge>
          )
        }
        title={`Needs attention: ${attentionWords(found)}`}
        onClick={inbox.open}
      >
        <span aria-hidden>{waiting}</span>
        <VisuallyHidden>Needs attention: {attentionWords(found)}</VisuallyHidden>
      </Button>
      {isOpen && (
        <Guard what="inbox">
          <Suspense>
            <Inbox onClose={inbox.close} />
          </Suspense>
        </Guard>
      )}
    </>
  )
}

/** The way to the search; Ctrl+K from everywhere. */
function SearchButton() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      const field = document.querySelector<HTMLInputElement>('main input[type=search]')
      if (field) field.select()
      else goTo({ name: 'search', text: '', filters: {} })
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
  return (
    <ActionIcon
      component="a"
      href={formatRoute({ name: 'search', text: '', filters: {} })}
      variant="subtle"
      color="gray"
      aria-label="Search"
      title="Search (Ctrl+K)"
    >
      <Icon name="search" />
    </ActionIcon>
  )
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme()
  const isDark = useComputedColorScheme('light') === 'dark'
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={isDark ? 'Light colours' : 'Dark colours'}
      onClick={() => setColorScheme(isDark ? 'light' : 'dark')}
    >
      <Icon name={isDark ? 'sun' : 'moon'} />
    </ActionIcon>
  )
}

function UserMenu({ name }: { name: string }) {
  const signOut = useCallback(async () => {
    await connection.signOut()
    forgetAll()
  }, [])
  const { run, error } = useAction(signOut)
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Signed in as ${name}`}>
          <Icon name="user" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{error ?? name}</Menu.Label>
        <Menu.Item component="a" href={formatRoute({ name: 'users' })}>
          Your account
        </Menu.Item>
        <Menu.Item onClick={() => void run()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

/** Says so where what is shown may be old. */
export function ConnectionBanner() {
  const { link } = useConnection()
  if (link === 'connected' || link === 'connecting') return null
  if (link === 'reconnecting') {
    return (
      <div className={styles.banner} role="status">
        The connection dropped. Reconnecting; what you see may be old.
      </div>
    )
  }
  return (
    <div className={`${styles.banner} ${styles.offline}`} role="alert">
      The daemon does not answer. Trying again by itself; <code>agor up</code> starts it.
    </div>
  )
}
