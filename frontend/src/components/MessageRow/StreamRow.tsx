import { Loader } from '@mantine/core'
import { useStream } from '../../hooks/useStreams'
import type { SessionStreams } from '../../store/streams'
import { LazyMarkdown } from '../Markdown/LazyMarkdown'
import { indent, Thinking } from './MessageRow'
import styles from './MessageRow.module.css'

/** A message while it is being said. */
export function StreamRow({ streams, id, depth }: { streams: SessionStreams; id: string; depth: number }) {
  const stream = useStream(streams, id)
  if (!stream) return null
  const text = stream.text.text
  return (
    <article
      className={depth > 0 ? `${styles.row} ${styles.nested}` : styles.row}
      style={indent(depth)}
      aria-busy={!stream.error}
      aria-label="assistant, still writing"
    >
      <Thinking text={stream.thinking.text} isLive={text === ''} />
      {text !== '' ? (
        <div className={stream.error ? undefined : styles.caret}>
          <LazyMarkdown text={text} />
        </div>
      ) : (
        !stream.error && <Loader type="dots" size="sm" />
      )}
    </article>
  )
}
