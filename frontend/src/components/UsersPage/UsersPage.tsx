/** The own account, and those of the others. Loaded by itself, and only where people sign in. */
import { ActionIcon, Badge, Button, Group, Menu, NativeSelect, Stack, Text, Title } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { User, UserRole } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { isAdmin, mayManage, ROLE_HINTS } from '../../model/users'
import { users } from '../../store/stores'
import { ConfirmDialog } from '../ConfirmDialog/ConfirmDialog'
import { Icon } from '../Icon/Icon'
import page from '../States/Page.module.css'
import { Failed, Loading } from '../States/States'
import { NewUserDialog } from './NewUserDialog'
import { OwnAccount } from './OwnAccount'
import styles from './UsersPage.module.css'

export default function UsersPage({ me }: { me: User }) {
  const { records, status, error } = useRecords(users())
  const [isAdding, setAdding] = useState(false)
  // The record of who signed in is as old as the sign-in.
  const own = records.find((user) => user.user_id === me.user_id) ?? me
  const others = records.filter((user) => user.user_id !== me.user_id)
  return (
    <div className={page.page}>
      <Stack p="md" maw={820} mx="auto" gap="lg">
        <Title order={1} size="h3">
          People
        </Title>
        <OwnAccount key={own.user_id} user={own} />
        <section aria-label="Other accounts">
          <Group justify="space-between" mb="xs">
            <Title order={2} size="h5">
              Others
            </Title>
            {isAdmin(own) && (
              <Button size="compact-sm" leftSection={<Icon name="add" size={13} />} onClick={() => setAdding(true)}>
                New account
              </Button>
            )}
          </Group>
          {status === 'error' ? (
            <Failed error={error} onRetry={() => void users().refresh()} />
          ) : status === 'loading' && records.length === 0 ? (
            <Loading what="accounts" />
          ) : others.length === 0 ? (
            <Text size="sm" c="dimmed">
              {own.role === 'viewer' ? 'Viewers see only their own account.' : 'Nobody else has an account here.'}
            </Text>
          ) : (
            <ul className={styles.list}>
              {others.map((user) => (
                <Account key={user.user_id} user={user} me={own} />
              ))}
            </ul>
          )}
        </section>
        {isAdding && <NewUserDialog me={own} onClose={() => setAdding(false)} />}
      </Stack>
    </div>
  )
}

function Account({ user, me }: { user: User; me: User }) {
  const [asking, setAsking] = useState<'remove' | null>(null)
  const { user_id: id } = user
  const setRole = useAction(
    useCallback(async (role: string) => users().merge(await app.service('users').patch(id, { role })), [id]),
  )
  const [wasRevoked, setRevoked] = useState(false)
  const revoke = useAction(
    useCallback(async () => {
      await app.service('users').revoke({ user_id: id })
      setRevoked(true)
    }, [id]),
  )
  const error = setRole.error ?? revoke.error
  return (
    <li className={styles.account} aria-label={user.name}>
      <div className={styles.name}>
        <strong>{user.name}</strong>
        {user.email && <span>{user.email}</span>}
      </div>
      {me.role === 'owner' ? (
        <NativeSelect
          size="xs"
          aria-label={`Role of ${user.name}`}
          title={ROLE_HINTS[user.role]}
          value={user.role}
          disabled={setRole.isBusy}
          data={Object.keys(ROLE_HINTS)}
          onChange={(event) => void setRole.run(event.currentTarget.value)}
        />
      ) : (
        user.role && (
          <Badge variant="light" color="gray" title={ROLE_HINTS[user.role as UserRole]}>
            {user.role}
          </Badge>
        )
      )}
      {mayManage(me, user) && (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={`More about ${user.name}`}>
              <Icon name="more" />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => void revoke.run()}>Sign out everywhere</Menu.Item>
            <Menu.Item color="red" leftSection={<Icon name="trash" />} onClick={() => setAsking('remove')}>
              Remove the account
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
      {(error || wasRevoked) && (
        <Text size="xs" c={error ? 'red' : 'dimmed'} role={error ? 'alert' : 'status'} className={styles.note}>
          {error ?? 'Signed out everywhere.'}
        </Text>
      )}
      {asking === 'remove' && <RemoveUser user={user} onClose={() => setAsking(null)} />}
    </li>
  )
}

function RemoveUser({ user, onClose }: { user: User; onClose: () => void }) {
  const remove = useCallback(async () => {
    await app.service('users').remove(user.user_id)
    void users().refresh()
  }, [user.user_id])
  return (
    <ConfirmDialog
      title={`Remove the account of ${user.name}?`}
      text="They are signed out at once and cannot sign in again. Their sessions stay."
      verb="Remove"
      call={remove}
      onClose={onClose}
    />
  )
}
