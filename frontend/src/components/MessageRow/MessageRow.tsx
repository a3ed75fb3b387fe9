import { memo } from 'react'
import type { Part, Row } from '../../model/transcript'
import { LazyMarkdown } from '../Markdown/LazyMarkdown'
import { ToolPart } from '../ToolPart/ToolPart'
import styles from './MessageRow.module.css'

const INDENT_PX = 22

/** The room a message of a sub-agent is set in by. */
export const indent = (depth: number) =>
  depth > 0 ? { marginLeft: 18 + (depth - 1) * INDENT_PX, paddingLeft: 12 } : undefined

interface MessageRowProps {
  row: Extract<Row, { kind: 'message' }>
  /** Whether its tools are open at first. */
  isOpen: boolean
}

/** A finished message: its text, thoughts, pictures and tool uses. */
export const MessageRow = memo(function MessageRow({ row, isOpen }: MessageRowProps) {
  const { message, parts, depth, isInherited } = row
  const classes = [styles.row, depth > 0 && styles.nested, isInherited && styles.inherited].filter(Boolean).join(' ')
  const look = depth === 0 ? message.role : 'assistant'
  return (
    <article className={classes} style={indent(depth)} aria-label={`${depth > 0 ? 'Sub-agent, ' : ''}${message.role}`}>
      {parts.map((part, place) => (
        <PartView key={place} part={part} role={look} isOpen={isOpen} />
      ))}
    </article>
  )
})

function PartView({ part, role, isOpen }: { part: Part; role: string; isOpen: boolean }) {
  switch (part.type) {
    case 'text':
      if (role === 'user')
        return (
          <div className={styles.user}>
            <LazyMarkdown text={part.text} />
          </div>
        )
      if (role === 'system')
        return (
          <div className={styles.system}>
            <LazyMarkdown text={part.text} />
          </div>
        )
      return <LazyMarkdown text={part.text} />
    case 'thinking':
      return <Thinking text={part.thinking} />
    case 'image':
      return part.source ? (
        <img src={part.source} alt="In the message" style={{ maxWidth: '100%', maxHeight: 360 }} />
      ) : (
        <em>(a picture that is not stored here)</em>
      )
    case 'tool':
      return <ToolPart part={part} startsOpen={isOpen} />
    case 'tool_result':
      return <pre className={styles.hidden}>{part.text}</pre>
    case 'other':
      return (
        <details className={styles.thinking}>
          <summary>{part.name}</summary>
          <pre className={styles.hidden}>{part.json}</pre>
        </details>
      )
  }
}

/** What the agent thought, closed unless it thinks right now. */
export function Thinking({ text, isLive = false }: { text: string; isLive?: boolean }) {
  if (text.trim() === '') return null
  return (
    <details className={styles.thinking} open={isLive}>
      <summary>{isLive ? 'Thinking …' : 'Thinking'}</summary>
      <div className={styles.thinkingText}>{text}</div>
    </details>
  )
}
