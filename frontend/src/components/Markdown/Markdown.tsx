/** What agents write, rendered. Loaded by itself: see `LazyMarkdown`. */
import { memo, useMemo } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import rehypeSanitize from 'rehype-sanitize'
import remarkGfm from 'remark-gfm'
import { markdownBlocks } from '../../model/markdownBlocks'
import styles from './Markdown.module.css'

const components: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  ),
  // Fetching a picture would tell its host what is read here: it becomes a link.
  img: ({ src, alt }) => (
    <a href={typeof src === 'string' ? src : undefined} target="_blank" rel="noopener noreferrer">
      {alt || 'picture'}
    </a>
  ),
}

const MarkdownBlock = memo(function MarkdownBlock({ text }: { text: string }) {
  return (
    <div>
      <ReactMarkdown remarkPlugins={[remarkGfm]} rehypePlugins={[rehypeSanitize]} components={components}>
        {text}
      </ReactMarkdown>
    </div>
  )
})

export default function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => markdownBlocks(text), [text])
  return (
    <div className={styles.markdown}>
      {blocks.map((block, place) => (
        <MarkdownBlock key={place} text={block} />
      ))}
    </div>
  )
}
