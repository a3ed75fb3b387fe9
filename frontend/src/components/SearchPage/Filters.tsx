import { Button, Group, NativeSelect, TextInput } from '@mantine/core'
import { useAgents } from '../../hooks/useAgents'
import { useRecords } from '../../hooks/useCollection'
import { type FilterName, NO_BOARD, type SearchFilters, withFilter } from '../../model/search'
import { titleOf } from '../../model/session'
import { boards, oneSession, repos } from '../../store/stores'
import { Icon } from '../Icon/Icon'
import styles from './SearchPage.module.css'

const WHO = [
  { value: '', label: 'By anybody' },
  { value: 'user', label: 'By people and tools' },
  { value: 'assistant', label: 'By agents' },
]
const ARCHIVED = [
  { value: '', label: 'Archived or not' },
  { value: 'no', label: 'Not archived' },
  { value: 'yes', label: 'Archived' },
]
const WHEN = [
  { value: '', label: 'At any time' },
  { value: '1', label: 'In the last 24 hours' },
  { value: '7', label: 'In the last 7 days' },
  { value: '30', label: 'In the last 30 days' },
  { value: 'between', label: 'Between two days' },
]

interface FiltersProps {
  filters: SearchFilters
  onChange: (filters: SearchFilters) => void
}

/** What narrows the search; the sessions are chosen by where they are, or are one. */
export function Filters({ filters, onChange }: FiltersProps) {
  const knownBoards = useRecords(boards()).records
  const knownRepos = useRecords(repos()).records
  const agents = useAgents().value ?? []
  const set = (name: FilterName, value: string): void => onChange(withFilter(filters, name, value))
  const choice = (name: FilterName, label: string, data: { value: string; label: string }[]) => (
    <NativeSelect
      className={styles.filter}
      size="xs"
      aria-label={label}
      value={filters[name] ?? ''}
      onChange={(event) => set(name, event.currentTarget.value)}
      data={withChosen(data, filters[name])}
    />
  )
  return (
    <Group gap="xs" role="group" aria-label="Filters">
      {filters.session ? (
        <OnlySession id={filters.session} onRemove={() => set('session', '')} />
      ) : (
        <>
          {choice('board', 'Board', [
            { value: '', label: 'On any board' },
            ...knownBoards.map((board) => ({ value: board.board_id, label: board.name })),
            { value: NO_BOARD, label: 'On no board' },
          ])}
          {choice('repo', 'Repository', [
            { value: '', label: 'In any repository' },
            ...knownRepos.map((repo) => ({ value: repo.repo_id, label: repo.slug })),
          ])}
          {choice('agent', 'Agent', [
            { value: '', label: 'Of any agent' },
            ...agents.map((agent) => ({ value: agent.name, label: agent.name })),
          ])}
          {choice('archived', 'Archived', ARCHIVED)}
        </>
      )}
      {choice('who', 'Said by', WHO)}
      {choice('when', 'When', WHEN)}
      {filters.when === 'between' &&
        (['from', 'to'] as const).map((name) => (
          <TextInput
            key={name}
            className={styles.filter}
            size="xs"
            type="date"
            leftSection={<span aria-hidden>{name}</span>}
            leftSectionWidth={44}
            aria-label={name === 'from' ? 'First day' : 'Last day'}
            value={filters[name] ?? ''}
            onChange={(event) => set(name, event.currentTarget.value)}
          />
        ))}
    </Group>
  )
}

/** With the chosen value among them, also where it is of an address that is older than what there is now. */
function withChosen(data: { value: string; label: string }[], chosen: string | undefined) {
  return !chosen || data.some((each) => each.value === chosen) ? data : [...data, { value: chosen, label: chosen }]
}

function OnlySession({ id, onRemove }: { id: string; onRemove: () => void }) {
  const session = useRecords(oneSession(id)).records[0]
  const title = session ? titleOf(session) : id.slice(0, 8)
  return (
    <Button
      size="xs"
      variant="light"
      maw="100%"
      rightSection={<Icon name="close" size={13} />}
      aria-label={`Only in ${title}: search in all sessions again`}
      onClick={onRemove}
    >
      Only in {title}
    </Button>
  )
}
