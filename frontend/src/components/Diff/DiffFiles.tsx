import { Button, Stack, Text } from '@mantine/core'
import { useCallback, useState } from 'react'
import { type DiffFile, type Query, read } from '../../contract/client'
import { useRead } from '../../hooks/useRead'
import { patchLines } from '../../model/diff'
import { Empty, Failed, Loading } from '../States/States'
import styles from './Diff.module.css'
import { Diff } from './Diff'

const FILES_AT_ONCE = 50
// Beyond these a file is closed at first, so that a large difference is there at once.
const OPEN_FILES = 12
const OPEN_LINES = 400

/** A difference, file by file: what `<path>` answers, `against` what the query says. */
export function DiffFiles({ path, query, emptyText }: { path: string; query?: Query; emptyText: string }) {
  const [most, setMost] = useState(FILES_AT_ONCE)
  const key = JSON.stringify(query ?? {})
  const load = useCallback(
    () => read<{ files: DiffFile[]; total: number }>(path, { ...(JSON.parse(key) as Query), $limit: most }),
    [path, key, most],
  )
  const { value, error, again } = useRead(load)
  if (error) return <Failed error={error} onRetry={again} />
  if (!value) return <Loading what="the changes" />
  if (value.files.length === 0) return <Empty title={emptyText} />
  return (
    <Stack gap="xs">
      {value.total > OPEN_FILES && (
        <Text size="sm" c="dimmed">
          {value.total} files; the first {OPEN_FILES} are open
        </Text>
      )}
      {value.files.map((file, place) => (
        <FileDiff key={file.path} file={file} startsOpen={place < OPEN_FILES} />
      ))}
      {value.total > value.files.length && (
        <Button variant="default" size="xs" onClick={() => setMost(most + FILES_AT_ONCE)}>
          Show more of the other {value.total - value.files.length}
        </Button>
      )}
    </Stack>
  )
}

function FileDiff({ file, startsOpen }: { file: DiffFile; startsOpen: boolean }) {
  const [isOpen, setOpen] = useState(startsOpen && file.insertions + file.deletions <= OPEN_LINES)
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.file}>
        <strong>{file.old_path ? `${file.old_path} → ${file.path}` : file.path}</strong>{' '}
        <Text span size="xs" c="dimmed">
          {file.status} {hasLines(file) && `+${file.insertions} −${file.deletions}`}
        </Text>
      </summary>
      {isOpen && <Changes file={file} />}
    </details>
  )
}

const hasLines = (file: DiffFile): boolean => file.omitted !== 'binary' && file.omitted !== 'submodule'
const OMITTED = { binary: 'A binary file.', 'too large': 'Too large to show.', submodule: 'A submodule.' }

function Changes({ file }: { file: DiffFile }) {
  const lines = patchLines(file.patch ?? '')
  if (lines.length > 0) return <Diff lines={lines} label={`Changes in ${file.path}`} />
  return (
    <Text size="sm" c="dimmed">
      {file.omitted ? OMITTED[file.omitted] : 'No line differs.'}
    </Text>
  )
}
