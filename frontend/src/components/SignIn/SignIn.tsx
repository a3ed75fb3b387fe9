import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useState } from 'react'
import { useAction } from '../../hooks/useAction'
import { useConnection } from '../../hooks/useConnection'
import { connection, forgetAll } from '../../store/stores'
import { Form, Refused } from '../Form/Form'

async function signIn(email: string, password: string): Promise<void> {
  forgetAll()
  await connection.signIn(email, password)
}

/** Asks who this is, where the daemon wants to know. */
export default function SignIn() {
  const { reason } = useConnection()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const { run, isBusy, error } = useAction(signIn)
  return (
    <Center h="100%" p="md">
      <Paper withBorder p="lg" w={360} maw="100%">
        <Form onSubmit={() => void run(email.trim(), password)}>
          <Stack gap="sm">
            <Title order={1} size="h3">
              Sign in to Agor
            </Title>
            {reason && !error && (
              <Alert color="yellow" role="status">
                {reason}
              </Alert>
            )}
            <TextInput
              label="Email"
              type="email"
              autoComplete="username"
              required
              autoFocus
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
            />
            <PasswordInput
              label="Password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
            <Refused error={error} />
            <Button type="submit" loading={isBusy}>
              Sign in
            </Button>
            <Text size="xs" c="dimmed">
              The owner of this daemon makes accounts with <code>agor user create</code>.
            </Text>
          </Stack>
        </Form>
      </Paper>
    </Center>
  )
}
