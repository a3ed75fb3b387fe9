import { Loader } from '@mantine/core'
import { useId, useState } from 'react'
import { lineDiff } from '../../model/diff'
import { editsOf, toolSummary } from '../../model/tools'
import type { Part } from '../../model/transcript'
import { Diff } from '../Diff/Diff'
import { Icon } from '../Icon/Icon'
import styles from './ToolPart.module.css'

/** One use of a tool in a line; opened, what it was given and what came of it. */
export function ToolPart({ part, startsOpen }: { part: Extract<Part, { type: 'tool' }>; startsOpen: boolean }) {
  const [isOpen, setOpen] = useState(startsOpen)
  const body = useId()
  const { use, result } = part
  return (
    <div className={styles.tool}>
      <button
        type="button"
        className={styles.summary}
        aria-expanded={isOpen}
        aria-controls={body}
        onClick={() => setOpen(!isOpen)}
      >
        <span className={isOpen ? `${styles.chevron} ${styles.open}` : styles.chevron}>
          <Icon name="chevron" size={12} />
        </span>
        <span className={styles.name}>{use.name}</span>
        <span className={styles.detail}>{toolSummary(use.input)}</span>
        <span className={styles.state}>
          <ToolState part={part} />
        </span>
      </button>
      {isOpen && (
        <div className={styles.body} id={body}>
          <ToolInput name={use.name} input={use.input} />
          {result && (
            <>
              <span className={styles.label}>{result.isError ? 'Error' : 'Result'}</span>
              {result.text && (
                <pre className={result.isError ? `${styles.text} ${styles.error}` : styles.text} tabIndex={0}>
                  {result.text}
                </pre>
              )}
              {result.images.map((source) => (
                <img key={source} src={source} alt={`Result of ${use.name}`} className={styles.picture} />
              ))}
              {!result.text && result.images.length === 0 && <span className={styles.label}>(nothing)</span>}
            </>
          )}
        </div>
      )}
    </div>
  )
}

function ToolState({ part }: { part: Extract<Part, { type: 'tool' }> }) {
  if (part.result)
    return part.result.isError ? (
      <span style={{ color: 'var(--mantine-color-red-text)' }}>failed</span>
    ) : (
      <span aria-label="done">✓</span>
    )
  return part.mayStillEnd ? <Loader size={12} aria-label="working" /> : <span aria-label="no result">–</span>
}

/** What a tool is given: edits as a diff, a command as text, anything else as JSON. */
export function ToolInput({ name, input }: { name: string; input: Record<string, unknown> }) {
  const edits = editsOf(name, input)
  if (edits) {
    return edits.map((edit, place) => (
      <div key={place}>
        <span className={styles.label}>{edit.path}</span>
        <Diff lines={lineDiff(edit.before, edit.after)} label={`Change of ${edit.path}`} />
      </div>
    ))
  }
  const text = typeof input['command'] === 'string' ? input['command'] : JSON.stringify(input, null, 2)
  return (
    <pre className={styles.text} tabIndex={0}>
      {text}
    </pre>
  )
}
