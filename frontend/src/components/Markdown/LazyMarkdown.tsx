import { Suspense } from 'react'
import { lazily } from '../lazily'

const Markdown = lazily(() => import('./Markdown'))

/** Rendered Markdown; its source until the renderer is there. */
export function LazyMarkdown({ text }: { text: string }) {
  return (
    <Suspense fallback={<div style={{ whiteSpace: 'pre-wrap' }}>{text}</div>}>
      <Markdown text={text} />
    </Suspense>
  )
}
