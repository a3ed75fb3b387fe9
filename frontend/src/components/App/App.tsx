import { AppShell } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Suspense, useEffect, useState } from 'react'
import { useConnection } from '../../hooks/useConnection'
import { useRoute } from '../../hooks/useRoute'
import { Guard } from '../Guard/Guard'
import { Sidebar } from '../Sidebar/Sidebar'

import { Empty, Loading } from '../States/States'
import { ConnectionBanner, TopBar } from '../TopBar/TopBar'
import { Workspace } from '../Workspace/Workspace'
import styles from './App.module.css'
import { lazily, preloadAll } from '../lazily'

const ImportDialog = lazily(() => import('../ImportDialog/ImportDialog'))
const NewSessionDialog = lazily(() => import('../NewSessionDialog/NewSessionDialog'))
const SearchPage = lazily(() => import('../SearchPage/SearchPage'))
const UsersPage = lazily(() => import('../UsersPage/UsersPage'))
const SignIn = lazily(() => import('../SignIn/SignIn'))
const ReposPage = lazily(() => import('../ReposPage/ReposPage'))

const whenIdle = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run)) // Safari has none

/** The frame: what is always there, and the view the address asks for. */
export function App() {
  const { access, link, user } = useConnection()
  const route = useRoute()
  const [isNavOpen, nav] = useDisclosure(false)
  const [isStarting, starting] = useDisclosure(false)
  const [isImporting, importing] = useDisclosure(false)
  const [boardId, setBoardId] = useState<string | null>(null)
  const { close: closeNav } = nav
  useEffect(closeNav, [route, closeNav])
  const isOpen = access === 'open'
  useEffect(() => {
    if (isOpen) whenIdle(preloadAll)
  }, [isOpen])
  const isOnBoard = route.name === 'home' || route.name === 'board' || route.name === 'session'
  return (
    <AppShell
      header={{ height: 50 }}
      navbar={isOpen ? { width: 240, breakpoint: 'sm', collapsed: { mobile: !isNavOpen } } : undefined}
    >
      <AppShell.Header>
        <TopBar isNavOpen={isNavOpen} onToggleNav={nav.toggle} />
      </AppShell.Header>
      {isOpen && (
        <AppShell.Navbar aria-label="Boards">
          <Sidebar
            currentBoardId={isOnBoard ? boardId : null}
            place={route.name}
            onNewSession={starting.open}
            onImport={importing.open}
          />
        </AppShell.Navbar>
      )}
      <AppShell.Main className={styles.main}>
        <ConnectionBanner />
        <div className={styles.view}>
          <Guard what={route.name}>
            <Suspense fallback={<Loading what="the page" />}>
              {access === 'signin' ? (
                <SignIn />
              ) : !isOpen ? (
                <Loading what={link === 'offline' ? 'Agor, as soon as the daemon answers' : 'Agor'} />
              ) : route.name === 'repos' ? (
                <ReposPage />
              ) : route.name === 'search' ? (
                <SearchPage text={route.text} filters={route.filters} />
              ) : route.name === 'users' && user ? (
                <UsersPage me={user} />
              ) : route.name === 'unknown' || route.name === 'users' ? (
                <Empty title="There is nothing here">
                  <a href="#/">To the boards</a>
                </Empty>
              ) : (
                <Workspace route={route} onBoard={setBoardId} onNewSession={starting.open} />
              )}
            </Suspense>
          </Guard>
        </div>
      </AppShell.Main>
      <Guard what={`${isStarting} ${isImporting}`}>
        <Suspense>
          {isOpen && isStarting && <NewSessionDialog boardId={boardId} onClose={starting.close} />}
          {isOpen && isImporting && <ImportDialog boardId={boardId} onClose={importing.close} />}
        </Suspense>
      </Guard>
    </AppShell>
  )
}
