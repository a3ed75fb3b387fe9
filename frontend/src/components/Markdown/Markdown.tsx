/**
 * What agents write, rendered. Loaded by itself: see `LazyMarkdown`.
 *
 * Made of the parser's tree, element by element: HTML in the text is shown as the text it is.
 */
import type { Definition, ListItem, Nodes, Table } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { gfm } from 'micromark-extension-gfm'
import { Fragment, memo, type ReactNode, useMemo } from 'react'
import { markdownBlocks } from '../../model/markdownBlocks'
import { safeAddress } from '../../model/markdownLinks'
import styles from './Markdown.module.css'

const SYNTAX = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] }

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

const MarkdownBlock = memo(function MarkdownBlock({ text }: { text: string }) {
  const { children } = fromMarkdown(text, SYNTAX)
  const definitions = children.filter((node) => node.type === 'definition')
  return <div>{rendered(children, definitions)}</div>
})

function rendered(nodes: Nodes[], definitions: Definition[]): ReactNode {
  return nodes.map((node, place) => <Fragment key={place}>{element(node, definitions)}</Fragment>)
}

function element(node: Nodes, definitions: Definition[]): ReactNode {
  const inside = 'children' in node ? rendered(node.children, definitions) : null
  switch (node.type) {
    case 'paragraph':
      return <p>{inside}</p>
    case 'heading': {
      const Heading = `h${node.depth}` as const
      return <Heading>{inside}</Heading>
    }
    case 'blockquote':
      return <blockquote>{inside}</blockquote>
    case 'code':
      return (
        <pre>
          <code>{node.value}</code>
        </pre>
      )
    case 'thematicBreak':
      return <hr />
    case 'list': {
      const isLoose = node.spread || node.children.some((item) => item.spread)
      const items = node.children.map((item, place) => (
        <Item key={place} item={item} isLoose={isLoose} definitions={definitions} />
      ))
      return node.ordered ? <ol start={node.start ?? 1}>{items}</ol> : <ul>{items}</ul>
    }
    case 'table':
      return <TableOf table={node} definitions={definitions} />
    case 'text':
      return node.value
    case 'inlineCode':
      return <code>{node.value}</code>
    case 'emphasis':
      return <em>{inside}</em>
    case 'strong':
      return <strong>{inside}</strong>
    case 'delete':
      return <del>{inside}</del>
    case 'break':
      return <br />
    case 'html':
      return htmlAsText(node.value)
    case 'link':
      return <Link url={node.url}>{inside}</Link>
    case 'linkReference':
      return <Link url={addressOf(node.identifier, definitions)}>{inside}</Link>
    // Fetching a picture would tell its host what is read here: it becomes a link.
    case 'image':
      return <Link url={node.url}>{node.alt || 'picture'}</Link>
    case 'imageReference':
      return <Link url={addressOf(node.identifier, definitions)}>{node.alt || 'picture'}</Link>
    case 'footnoteReference':
      return <sup>{node.label ?? node.identifier}</sup>
    case 'footnoteDefinition':
      return (
        <div>
          <sup>{node.label ?? node.identifier}</sup> {inside}
        </div>
      )
    default:
      return inside // a definition shows nothing; items, rows and cells are shown by their list or table
  }
}

function Item({ item, isLoose, definitions }: { item: ListItem; isLoose: boolean; definitions: Definition[] }) {
  return (
    <li>
      {typeof item.checked === 'boolean' && (
        <input type="checkbox" checked={item.checked} disabled aria-label={item.checked ? 'done' : 'to do'} />
      )}
      {item.children.map((child, place) => (
        <Fragment key={place}>
          {/* A paragraph would set a tight item apart from the next. */}
          {child.type === 'paragraph' && !isLoose ? rendered(child.children, definitions) : element(child, definitions)}
        </Fragment>
      ))}
    </li>
  )
}

function TableOf({ table, definitions }: { table: Table; definitions: Definition[] }) {
  const [head, ...rows] = table.children.map(({ children: cells }, rowPlace) => {
    const Cell = rowPlace === 0 ? 'th' : 'td'
    return (
      <tr key={rowPlace}>
        {cells.map((cell, place) => (
          <Cell key={place} style={{ textAlign: table.align?.[place] ?? undefined }}>
            {rendered(cell.children, definitions)}
          </Cell>
        ))}
      </tr>
    )
  })
  return (
    <table>
      <thead>{head}</thead>
      {rows.length > 0 && <tbody>{rows}</tbody>}
    </table>
  )
}

function Link({ url, children }: { url: string | undefined; children: ReactNode }) {
  return (
    <a href={url === undefined ? undefined : safeAddress(url)} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  )
}

function addressOf(identifier: string, definitions: Definition[]): string | undefined {
  return definitions.find((definition) => definition.identifier === identifier)?.url
}

/** Agents break lines in tables with `<br>`, and a comment is not meant to be read. */
function htmlAsText(html: string): ReactNode {
  if (/^<br\s*\/?>$/i.test(html)) return <br />
  return /^<!--[\s\S]*-->$/.test(html) ? null : html
}
