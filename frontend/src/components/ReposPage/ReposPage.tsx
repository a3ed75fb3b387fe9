import {
  Alert,
  Badge,
  Button,
  Card,
  Code,
  Group,
  ScrollArea,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { Repo, Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { repos, worktrees } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import { Failed, Loading } from '../States/States'
import { WorktreeRow } from '../WorktreeRow/WorktreeRow'

const REPO_COLORS: Record<string, string> = { ready: 'teal', cloning: 'blue', failed: 'red', missing: 'red' }

/** The registered repositories with their worktrees. */
export function ReposPage() {
  const known = useRecords(repos())
  const trees = useRecords(worktrees())
  return (
    <ScrollArea h="100%">
      <Stack p="md" maw={980} mx="auto" gap="md">
        <Title order={1} size="h3">
          Repositories
        </Title>
        <RegisterForm />
        {known.status === 'error' ? (
          <Failed error={known.error} onRetry={() => void repos().refresh()} />
        ) : known.status === 'loading' && known.records.length === 0 ? (
          <Loading what="repositories" />
        ) : known.records.length === 0 ? (
          <Text c="dimmed">
            None yet. Give the path of a git checkout above, or type <Code>agor repo add .</Code> in one.
          </Text>
        ) : (
          known.records.map((repo) => (
            <RepoCard
              key={repo.repo_id}
              repo={repo}
              worktrees={trees.records.filter((tree) => tree.repo_id === repo.repo_id)}
            />
          ))
        )}
        {trees.status === 'error' && <Failed error={trees.error} onRetry={() => void worktrees().refresh()} />}
      </Stack>
    </ScrollArea>
  )
}

function RegisterForm() {
  const [path, setPath] = useState('')
  const register = useCallback(async () => {
    repos().merge(await app.service('repos').create({ local_path: path.trim() }))
    setPath('')
  }, [path])
  const { run, isBusy, error } = useAction(register)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void run()
      }}
    >
      <Group align="flex-end" gap="xs">
        <TextInput
          style={{ flex: 1, minWidth: 200 }}
          label="Register a checkout on the daemon’s machine"
          placeholder="/home/you/project"
          value={path}
          onChange={(event) => setPath(event.currentTarget.value)}
        />
        <Button type="submit" disabled={path.trim() === ''} loading={isBusy}>
          Register
        </Button>
      </Group>
      {error && (
        <Alert color="red" mt="xs" role="alert">
          {error}
        </Alert>
      )}
    </form>
  )
}

function RepoCard({ repo, worktrees: trees }: { repo: Repo; worktrees: Worktree[] }) {
  return (
    <Card withBorder padding="md" component="section" aria-label={`Repository ${repo.slug}`}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Group gap="xs">
            <Title order={2} size="h4">
              {repo.slug}
            </Title>
            <Badge color={REPO_COLORS[repo.status] ?? 'gray'} variant="light">
              {repo.status}
            </Badge>
          </Group>
          <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {repo.local_path}
            {repo.remote_url ? ` · ${repo.remote_url}` : ''}
          </Text>
          {repo.error && (
            <Text size="sm" c="red">
              {typeof repo.error === 'string' ? repo.error : JSON.stringify(repo.error)}
            </Text>
          )}
        </div>
        {repo.default_branch && (
          <Text size="sm" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
            <Icon name="branch" size={13} /> {repo.default_branch}
          </Text>
        )}
      </Group>
      {trees.length === 0 ? (
        <Text size="sm" c="dimmed" mt="sm">
          No worktrees. A new session makes one.
        </Text>
      ) : (
        <Table.ScrollContainer minWidth={520} mt="sm">
          <Table verticalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Worktree</Table.Th>
                <Table.Th>Branch</Table.Th>
                <Table.Th>State</Table.Th>
                <Table.Th />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {trees.map((tree) => (
                <WorktreeRow key={tree.worktree_id} worktree={tree} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Card>
  )
}
