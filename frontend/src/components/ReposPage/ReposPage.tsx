/** The registered repositories with their worktrees. Loaded by itself. */
import { Button, Code, Group, Stack, Text, TextInput, Title } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import { useAction } from '../../hooks/useAction'
import { useRecords } from '../../hooks/useCollection'
import { repoSource } from '../../model/repoSource'
import { removedWorktrees, repos, worktrees } from '../../store/stores'
import { Form, Refused } from '../Form/Form'
import { RepoCard } from '../RepoCard/RepoCard'
import page from '../States/Page.module.css'
import { Failed, Loading } from '../States/States'

export default function ReposPage() {
  const known = useRecords(repos())
  const trees = useRecords(worktrees())
  const removed = useRecords(removedWorktrees())
  return (
    <div className={page.page}>
      <Stack p="md" maw={980} mx="auto" gap="md">
        <Title order={1} size="h3">
          Repositories
        </Title>
        <AddForm />
        {known.status === 'error' ? (
          <Failed error={known.error} onRetry={() => void repos().refresh()} />
        ) : known.status === 'loading' && known.records.length === 0 ? (
          <Loading what="repositories" />
        ) : known.records.length === 0 ? (
          <Text c="dimmed">
            None yet. Give a URL or the path of a git checkout above, or type <Code>agor repo add .</Code> in one.
          </Text>
        ) : (
          known.records.map((repo) => (
            <RepoCard
              key={repo.repo_id}
              repo={repo}
              worktrees={trees.records.filter((tree) => tree.repo_id === repo.repo_id)}
              isComplete={trees.status === 'ready'}
              removed={removed.records.filter((tree) => tree.repo_id === repo.repo_id)}
            />
          ))
        )}
        {trees.status === 'error' && <Failed error={trees.error} onRetry={() => void worktrees().refresh()} />}
      </Stack>
    </div>
  )
}

/** One field for both: a URL is cloned, the path of a checkout is registered where it is. */
function AddForm() {
  const [text, setText] = useState('')
  const source = repoSource(text)
  const isPath = source !== null && 'local_path' in source
  const add = useCallback(async () => {
    if (source === null) return
    repos().merge(await ('url' in source ? app.service('repos').clone(source) : app.service('repos').create(source)))
    setText((typed) => (typed === text ? '' : typed)) // somebody may have begun to type the next one
  }, [text])
  const { run, isBusy, error } = useAction(add)
  return (
    <Form onSubmit={() => void run()}>
      <Group align="flex-end" gap="xs">
        <TextInput
          style={{ flex: '1 1 240px' }}
          label="Add a repository"
          description="A URL to clone, or the path of a checkout on the daemon’s machine, which stays where it is."
          placeholder="https://github.com/you/project.git or /home/you/project"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button type="submit" disabled={source === null} loading={isBusy}>
          {isPath ? 'Register' : 'Clone'}
        </Button>
      </Group>
      <Refused error={error} mt="xs" />
    </Form>
  )
}
