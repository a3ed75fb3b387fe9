import { ActionIcon, Burger, Button, Menu, Text, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useCallback } from 'react'
import icon from '../../assets/icon.svg'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { useConnection } from '../../hooks/useConnection'
import { goTo } from '../../hooks/useRoute'
import { connection, forgetAll, openQuestions } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import styles from './TopBar.module.css'

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
      {access === 'open' && <Questions />}
      <SchemeSwitch />
      {user && <UserMenu name={user.name || user.email} />}
    </div>
  )
}

/** How many agents wait for an answer, and the way to them. */
function Questions() {
  const { records } = useRecords(openQuestions())
  if (records.length === 0) return null
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="compact-sm" color="orange" leftSection={<Icon name="hand" size={14} />}>
          {records.length} {records.length === 1 ? 'question' : 'questions'}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {records.map((request) => (
          <Menu.Item key={request.request_id} onClick={() => goTo({ name: 'session', id: request.session_id })}>
            May it use {request.tool_name}?
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
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
