/** The content of a message, as in the Anthropic API, read carefully: agents and importers put in what they like. */

export type Block =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string }
  | { type: 'image'; source: string | null }
  | { type: 'tool_use'; id: string; name: string; input: Record<string, unknown> }
  | { type: 'tool_result'; toolUseId: string; text: string; images: string[]; isError: boolean }
  | { type: 'other'; name: string; json: string }

const SHOWN_IMAGE_TYPES = /^image\/(png|jpeg|gif|webp)$/
const BASE64 = /^[A-Za-z0-9+/=\s]+$/

/** The blocks of a message's content; plain text is one text block, nothing is none. */
export function blocksOf(content: unknown): Block[] {
  if (typeof content === 'string') return content.trim() === '' ? [] : [{ type: 'text', text: content }]
  if (!Array.isArray(content)) return content == null ? [] : [other(content)]
  return content.map(blockOf)
}

/** All that is text in a message's content. */
export function textOf(content: unknown): string {
  return blocksOf(content)
    .map((block) => (block.type === 'text' ? block.text : ''))
    .filter(Boolean)
    .join('\n\n')
}

function blockOf(raw: unknown): Block {
  const block = isObject(raw) ? raw : {}
  switch (block['type']) {
    case 'text':
      return { type: 'text', text: asText(block['text']) }
    case 'thinking':
      return { type: 'thinking', thinking: asText(block['thinking']) }
    case 'redacted_thinking':
      return { type: 'thinking', thinking: '(hidden by the model’s provider)' }
    case 'image':
      return { type: 'image', source: imageSource(block['source']) }
    case 'tool_use':
      return {
        type: 'tool_use',
        id: asText(block['id']),
        name: asText(block['name']) || 'tool',
        input: isObject(block['input']) ? block['input'] : {},
      }
    case 'tool_result': {
      const parts = blocksOf(block['content'])
      return {
        type: 'tool_result',
        toolUseId: asText(block['tool_use_id']),
        text: parts
          .map((part) => (part.type === 'text' ? part.text : part.type === 'other' ? part.json : ''))
          .filter(Boolean)
          .join('\n'),
        images: parts.flatMap((part) => (part.type === 'image' && part.source ? [part.source] : [])),
        isError: block['is_error'] === true,
      }
    }
    default:
      return other(raw)
  }
}

/** A picture that came along as data; links are not followed, since that would tell others what is read here. */
function imageSource(source: unknown): string | null {
  if (!isObject(source) || source['type'] !== 'base64') return null
  const { media_type: type, data } = source
  if (typeof type !== 'string' || typeof data !== 'string') return null
  return SHOWN_IMAGE_TYPES.test(type) && BASE64.test(data) ? `data:${type};base64,${data}` : null
}

const other = (raw: unknown): Block => ({
  type: 'other',
  name: isObject(raw) && typeof raw['type'] === 'string' ? raw['type'] : 'content',
  json: JSON.stringify(raw, null, 2),
})
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const asText = (value: unknown): string => (typeof value === 'string' ? value : '')
