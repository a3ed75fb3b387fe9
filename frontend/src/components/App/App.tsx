import { AppShell } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useConnection } from '../../hooks/useConnection'
import { useRoute } from '../../hooks/useRoute'
import { Sidebar } from '../Sidebar/Sidebar'
import { SignIn } from '../SignIn/SignIn'
import { Empty, Loading } from '../States/States'
import { ConnectionBanner, TopBar } from '../TopBar/TopBar'
import { Workspace } from '../Workspace/Workspace'
import styles from './App.module.css'

const ImportDialog = lazy(() => import('../ImportDialog/ImportDialog'))
const NewSessionDialog = lazy(() => import('../NewSessionDialog/NewSessionDialog'))
const SearchPage = lazy(() => import('../SearchPage/SearchPage'))
const UsersPage = lazy(() => import('../UsersPage/UsersPage'))
const ReposPage = lazy(() => import('../ReposPage/ReposPage'))

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
          {access === 'signin' ? (
            <SignIn />
          ) : !isOpen ? (
            <Loading what={link === 'offline' ? 'Agor, as soon as the daemon answers' : 'Agor'} />
          ) : route.name === 'repos' ? (
            <Suspense fallback={<Loading what="repositories" />}>
              <ReposPage />
            </Suspense>
          ) : route.name === 'search' ? (
            <Suspense fallback={<Loading what="the search" />}>
              <SearchPage text={route.text} />
            </Suspense>
          ) : route.name === 'users' && user ? (
            <Suspense fallback={<Loading what="accounts" />}>
              <UsersPage me={user} />
            </Suspense>
          ) : route.name === 'unknown' || route.name === 'users' ? (
            <Empty title="There is nothing here">
              <a href="#/">To the boards</a>
            </Empty>
          ) : (
            <Workspace route={route} onBoard={setBoardId} onNewSession={starting.open} />
          )}
        </div>
      </AppShell.Main>
      <Suspense>
        {isOpen && isStarting && <NewSessionDialog boardId={boardId} onClose={starting.close} />}
        {isOpen && isImporting && <ImportDialog boardId={boardId} onClose={importing.close} />}
      </Suspense>
    </AppShell>
  )
}
