import { Alert, Anchor, NativeSelect, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { type Agent, app } from '../../contract/client'
import type { Repo, Worktree } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useAgents } from '../../hooks/useAgents'
import { useRecords } from '../../hooks/useCollection'
import { goTo } from '../../hooks/useRoute'
import { errorText } from '../../model/errors'
import { DEFAULT_PERMISSION_MODE, PERMISSION_MODES } from '../../model/permissionModes'
import { formatRoute } from '../../model/route'
import { notify } from '../../store/notices'
import { repos, worktrees } from '../../store/stores'
import { Dialog } from '../Dialog/Dialog'
import { DialogForm, PromptField } from '../Form/Form'
import { Failed, Loading } from '../States/States'

type Place = 'new' | 'existing' | 'checkout'

interface Wish {
  agent: string
  repo: Repo
  place: Place
  worktreeName: string
  worktreeId: string
  prompt: string
  mode: string
  boardId: string | null
}

/** Start an agent: which one, where, and with what prompt. */
export default function NewSessionDialog({ boardId, onClose }: { boardId: string | null; onClose: () => void }) {
  const agents = useAgents()
  const known = useRecords(repos())
  return (
    <Dialog onClose={onClose} title="New session" size="lg">
      {agents.error ? (
        <Failed error={agents.error} onRetry={agents.again} />
      ) : known.status === 'error' ? (
        <Failed error={known.error} onRetry={() => void repos().refresh()} />
      ) : !agents.value || known.status === 'loading' ? (
        <Loading what="agents and repositories" />
      ) : known.records.length === 0 ? (
        <Stack>
          <Text>An agent works in a git repository, and none is registered yet.</Text>
          <Text>
            Type <code>agor repo add .</code> in one, or register its folder under{' '}
            <Anchor href={formatRoute({ name: 'repos' })} onClick={onClose}>
              Repositories
            </Anchor>
            .
          </Text>
        </Stack>
      ) : (
        <SessionForm agents={agents.value} repos={known.records} boardId={boardId} onClose={onClose} />
      )}
    </Dialog>
  )
}

interface FormProps {
  agents: Agent[]
  repos: Repo[]
  boardId: string | null
  onClose: () => void
}

function SessionForm({ agents, repos: known, boardId, onClose }: FormProps) {
  const [agentName, setAgentName] = useState(() => (agents.find(isReady) ?? agents[0])?.name ?? '')
  const [repoId, setRepoId] = useState(known[0]!.repo_id)
  const [place, setPlace] = useState<Place>('new')
  const [worktreeName, setWorktreeName] = useState('')
  const [worktreeId, setWorktreeId] = useState('')
  const [prompt, setPrompt] = useState('')
  const [mode, setMode] = useState<string>(DEFAULT_PERMISSION_MODE)
  const trees = useRecords(worktrees()).records.filter((tree) => tree.repo_id === repoId && tree.status === 'ready')
  const repo = known.find((each) => each.repo_id === repoId) ?? known[0]!
  const agent = agents.find((each) => each.name === agentName)
  const chosenTree = trees.find((tree) => tree.worktree_id === worktreeId) ?? trees[0]
  const places = placesOf(repo, trees)
  const chosenPlace = places.some((each) => each.value === place) ? place : 'new'
  const isComplete = agent !== undefined && isReady(agent) && (chosenPlace !== 'new' || worktreeName.trim() !== '')

  const submit = useCallback(async () => {
    await start({
      agent: agentName,
      repo,
      place: chosenPlace,
      worktreeName: worktreeName.trim(),
      worktreeId: chosenTree?.worktree_id ?? '',
      prompt: prompt.trim(),
      mode,
      boardId,
    })
    onClose()
  }, [agentName, repo, chosenPlace, worktreeName, chosenTree, prompt, mode, boardId, onClose])
  const action = useAction(submit)
  return (
    <DialogForm action={action} verb="Start" isComplete={isComplete} onClose={onClose}>
      <NativeSelect
        label="Agent"
        value={agentName}
        onChange={(event) => setAgentName(event.currentTarget.value)}
        data={agents.map((each) => ({
          value: each.name,
          label: isReady(each) ? each.name : `${each.name} — not ready`,
        }))}
      />
      {agent && !isReady(agent) && (
        <Alert color="yellow" p="xs">
          <Text size="sm">{agent.problem ?? (agent.installed ? 'It is not signed in.' : 'It is not installed.')}</Text>
          {agent.how_to && (
            <Text size="sm" c="dimmed">
              {agent.how_to}
            </Text>
          )}
        </Alert>
      )}
      <NativeSelect
        label="Repository"
        value={repoId}
        onChange={(event) => setRepoId(event.currentTarget.value)}
        data={known.map((each) => ({ value: each.repo_id, label: each.slug, disabled: each.status !== 'ready' }))}
      />
      <div>
        <Text size="sm" fw={500} mb={4}>
          Where it works
        </Text>
        <SegmentedControl
          fullWidth
          size="xs"
          value={chosenPlace}
          onChange={(value) => setPlace(value as Place)}
          data={places}
          aria-label="Where it works"
        />
      </div>
      {chosenPlace === 'new' && (
        <TextInput
          label="Name of the new worktree and its branch"
          placeholder="try-it"
          required
          value={worktreeName}
          onChange={(event) => setWorktreeName(event.currentTarget.value)}
        />
      )}
      {chosenPlace === 'existing' && (
        <NativeSelect
          label="Worktree"
          value={chosenTree?.worktree_id}
          onChange={(event) => setWorktreeId(event.currentTarget.value)}
          data={trees.map((tree) => ({
            value: tree.worktree_id,
            label: tree.ref && tree.ref !== tree.name ? `${tree.name} (${tree.ref})` : tree.name,
          }))}
        />
      )}
      {chosenPlace === 'checkout' && (
        <Text size="xs" c="dimmed">
          It changes the files in {repo.local_path} itself.
        </Text>
      )}
      <PromptField ifEmpty="the session waits for one." value={prompt} onChange={setPrompt} />
      <NativeSelect
        label="Permissions"
        value={mode}
        onChange={(event) => setMode(event.currentTarget.value)}
        data={[...PERMISSION_MODES]}
      />
    </DialogForm>
  )
}

/** Worktree, session, prompt, in this order; a prompt that is refused leaves the session, which is shown with the reason. */
async function start(wish: Wish): Promise<void> {
  const where = await placeFor(wish)
  const session = await app.service('sessions').create({
    agent: wish.agent,
    ...where,
    ...(wish.boardId && { board_id: wish.boardId }),
    ...(wish.prompt && { description: wish.prompt.split('\n')[0] }),
    permission_config: { mode: wish.mode },
  })
  goTo({ name: 'session', id: session.session_id })
  if (wish.prompt === '') return
  try {
    await app.service('sessions').prompt({ session_id: session.session_id, prompt: wish.prompt })
  } catch (refusal) {
    notify({ color: 'red', title: 'The prompt was refused', message: errorText(refusal) })
  }
}

async function placeFor(wish: Wish): Promise<object> {
  switch (wish.place) {
    case 'new':
      return {
        worktree_id: (await app.service('worktrees').create({ repo_id: wish.repo.repo_id, name: wish.worktreeName }))
          .worktree_id,
      }
    case 'existing':
      return { worktree_id: wish.worktreeId }
    case 'checkout':
      return { cwd: wish.repo.local_path }
  }
}

function placesOf(repo: Repo, trees: Worktree[]): { value: Place; label: string; disabled?: boolean }[] {
  return [
    { value: 'new', label: 'New worktree' },
    ...(trees.length > 0 ? [{ value: 'existing' as const, label: 'Existing worktree' }] : []),
    ...(repo.managed_by_agor ? [] : [{ value: 'checkout' as const, label: 'The checkout itself' }]),
  ]
}

/** Whether it could run; one that does not say whether it is signed in gets the chance. */
const isReady = (agent: Agent): boolean => agent.installed && agent.signed_in !== false && !agent.problem
