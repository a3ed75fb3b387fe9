import { Button, Card, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { User } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { isConnectionLoss } from '../../model/errors'
import { ROLE_HINTS } from '../../model/users'
import { connection, users } from '../../store/stores'
import { Form, Refused } from '../Form/Form'

/** The own name and password. */
export function OwnAccount({ user }: { user: User }) {
  return (
    <Card withBorder component="section" aria-label="Your account">
      <Stack gap="sm">
        <div>
          <Title order={2} size="h5">
            Your account
          </Title>
          <Text size="sm" c="dimmed">
            {user.email} · {user.role}: {ROLE_HINTS[user.role]}
          </Text>
        </div>
        <NameForm user={user} />
        <PasswordForm user={user} />
      </Stack>
    </Card>
  )
}

function NameForm({ user }: { user: User }) {
  const [name, setName] = useState(user.name)
  const save = useCallback(async () => {
    users().merge(await app.service('users').patch(user.user_id, { name: name.trim() }))
    connection.renamed(name.trim())
  }, [user.user_id, name])
  const { run, isBusy, error } = useAction(save)
  return (
    <Form onSubmit={() => void run()}>
      <Group align="flex-end" gap="xs">
        <TextInput
          label="Name"
          style={{ flex: '1 1 220px' }}
          value={name}
          error={error}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button
          type="submit"
          variant="default"
          loading={isBusy}
          disabled={name.trim() === '' || name.trim() === user.name}
        >
          Save the name
        </Button>
      </Group>
    </Form>
  )
}

/** A new password ends every sign-in, this one too: the form asks for it then. */
function PasswordForm({ user }: { user: User }) {
  const [password, setPassword] = useState('')
  const save = useCallback(async () => {
    connection.expectSignOut('Your password is changed. Sign in with the new one.')
    try {
      await app.service('users').patch(user.user_id, { password })
    } catch (refusal) {
      // The daemon may cut this connection before it has answered.
      if (isConnectionLoss(refusal)) return
      connection.expectSignOut(null)
      throw refusal
    }
  }, [user.user_id, password])
  const { run, isBusy, error } = useAction(save)
  return (
    <Form onSubmit={() => void run()}>
      <input type="hidden" autoComplete="username" value={user.email} readOnly />
      <Group align="flex-end" gap="xs">
        <PasswordInput
          label="New password"
          description="It signs you out everywhere, here too."
          autoComplete="new-password"
          style={{ flex: '1 1 220px' }}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" loading={isBusy} disabled={password === ''}>
          Change the password
        </Button>
      </Group>
      <Refused error={error} mt="xs" />
    </Form>
  )
}
