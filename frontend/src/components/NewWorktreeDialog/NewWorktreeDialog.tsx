/** Makes a worktree of a repository. Loaded with the page of repositories. */
import { SegmentedControl, TextInput } from '@mantine/core'
import { useCallback, useId, useState } from 'react'
import { app } from '../../contract/client'
import type { Branch, Repo } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { useRead } from '../../hooks/useRead'
import { worktrees } from '../../store/stores'
import { Dialog } from '../Dialog/Dialog'
import { DialogForm } from '../Form/Form'

type Kind = 'new' | 'existing'

const KINDS = [
  { value: 'new', label: 'A new branch' },
  { value: 'existing', label: 'A branch that exists' },
]

export function NewWorktreeDialog({ repo, onClose }: { repo: Repo; onClose: () => void }) {
  const [name, setName] = useState('')
  const [kind, setKind] = useState<Kind>('new')
  const [branch, setBranch] = useState('')
  const [start, setStart] = useState('')
  const branches = useBranches(repo.repo_id)
  const listId = useId()
  const create = useCallback(async () => {
    const made = await app.service('worktrees').create({
      repo_id: repo.repo_id,
      name: name.trim() || branch.trim(),
      ...(branch.trim() && { branch: branch.trim() }),
      ...(kind === 'new' && start.trim() && { ref: start.trim() }),
    })
    worktrees().merge(made)
    onClose()
  }, [repo.repo_id, name, kind, branch, start, onClose])
  const action = useAction(create)
  const isComplete = name.trim() !== '' || (kind === 'existing' && branch.trim() !== '')
  return (
    <Dialog onClose={onClose} title={`New worktree of ${repo.slug}`} size="lg">
      <DialogForm
        action={action}
        verb="Create"
        isComplete={isComplete}
        busyText="Fetching and checking out …"
        onClose={onClose}
      >
        <SegmentedControl
          fullWidth
          size="xs"
          aria-label="Which branch"
          value={kind}
          onChange={(value) => setKind(value as Kind)}
          data={KINDS}
        />
        <TextInput
          label="Name of the worktree"
          description={kind === 'existing' ? 'Empty: as the branch.' : undefined}
          placeholder="try-it"
          data-autofocus
          required={kind === 'new'}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label={kind === 'new' ? 'Name of its branch' : 'Branch'}
          description={
            kind === 'new' ? 'Empty: as the worktree.' : 'A local one, or one of the remote, which is then tracked.'
          }
          list={kind === 'existing' ? listId : undefined}
          value={branch}
          onChange={(event) => setBranch(event.currentTarget.value)}
        />
        {kind === 'new' && (
          <TextInput
            label="Starts at"
            description={`A branch, tag or commit. Empty: ${repo.default_branch ?? 'the default branch'}, fetched first where there is a remote.`}
            list={listId}
            value={start}
            onChange={(event) => setStart(event.currentTarget.value)}
          />
        )}
        <datalist id={listId}>
          {branches.map(({ name: each, remote }) => (
            <option key={each} value={kind === 'new' && remote ? `${remote}/${each}` : each} />
          ))}
        </datalist>
      </DialogForm>
    </Dialog>
  )
}

/** The branches to choose from; none until they are known, and where they cannot be told. */
function useBranches(repoId: string): Branch[] {
  const load = useCallback(() => app.service('repos').get(repoId), [repoId])
  return useRead(load).value?.branches ?? []
}
