import { describe, expect, it } from 'vitest'
import { blocksOf, textOf } from './content'

describe('blocksOf', () => {
  it('takes plain text for one block, and nothing for none', () => {
    expect(blocksOf('hello')).toEqual([{ type: 'text', text: 'hello' }])
    expect(blocksOf('  ')).toEqual([])
    expect(blocksOf(null)).toEqual([])
  })

  it('reads a tool result whose content is text or blocks', () => {
    const text = blocksOf([{ type: 'tool_result', tool_use_id: 't', content: 'out' }])
    const blocks = blocksOf([
      { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'out' }], is_error: true },
    ])
    expect(text).toEqual([{ type: 'tool_result', toolUseId: 't', text: 'out', images: [], isError: false }])
    expect(blocks).toEqual([{ type: 'tool_result', toolUseId: 't', text: 'out', images: [], isError: true }])
  })

  it('shows pictures that came as data and follows no link', () => {
    const inline = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
    const remote = { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } }
    const script = { type: 'image', source: { type: 'base64', media_type: 'image/svg+xml', data: 'AAAA' } }
    expect(blocksOf([inline, remote, script]).map((block) => block.type === 'image' && block.source)).toEqual([
      'data:image/png;base64,AAAA',
      null,
      null,
    ])
  })

  it('keeps what it does not know as JSON, and survives nonsense', () => {
    expect(blocksOf([{ type: 'new_thing', a: 1 }, null, 7, 'x']).map((block) => block.type)).toEqual([
      'other',
      'other',
      'other',
      'other',
    ])
    expect(blocksOf([{ type: 'tool_use', name: 5, input: 'no' }])).toEqual([
      { type: 'tool_use', id: '', name: 'tool', input: {} },
    ])
  })
})

it('textOf joins only what is text', () => {
  expect(
    textOf([
      { type: 'text', text: 'a' },
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'b' },
    ]),
  ).toBe('a\n\nb')
})
