import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import Markdown from './Markdown'

const shown = (text: string): string =>
  renderToStaticMarkup(<Markdown text={text} />)
    .replace(/<div class="[^"]*"><div>(.*)<\/div><\/div>/s, '$1')
    .replaceAll(' target="_blank" rel="noopener noreferrer"', '')

describe('Markdown', () => {
  it('renders what CommonMark and GitHub know', () => {
    expect(shown('## A *b* **c** ~~d~~ `e`')).toBe(
      '<h2>A <em>b</em> <strong>c</strong> <del>d</del> <code>e</code></h2>',
    )
    expect(shown('> a\n\n---')).toContain('<blockquote><p>a</p></blockquote>')
    expect(shown('```ts\na < b\n```')).toBe('<pre><code>a &lt; b</code></pre>')
    expect(shown('| a | b |\n|---|--:|\n| 1 | 2 |')).toBe(
      '<table><thead><tr><th>a</th><th style="text-align:right">b</th></tr></thead>' +
        '<tbody><tr><td>1</td><td style="text-align:right">2</td></tr></tbody></table>',
    )
    expect(shown('3. a\n4. b')).toBe('<ol start="3"><li>a</li><li>b</li></ol>')
    expect(shown('- a\n\n- b')).toBe('<ul><li><p>a</p></li><li><p>b</p></li></ul>')
    expect(shown('- [x] a')).toContain('type="checkbox"')
    expect(shown('see www.example.org')).toBe('<p>see <a href="http://www.example.org">www.example.org</a></p>')
    expect(shown('[a][b]\n[b]: https://example.org')).toContain('[a][b]')
    expect(shown('# t\n[b]: https://example.org\n[a][b]')).toContain('<a href="https://example.org">a</a>')
    expect(shown('it holds[^1]\n[^1]: mostly')).toContain('it holds')
  })

  it('shows HTML as the text it is, but breaks lines and hides comments', () => {
    expect(shown('a <b onclick="x">b</b>')).toBe('<p>a &lt;b onclick=&quot;x&quot;&gt;b&lt;/b&gt;</p>')
    expect(shown('<script>x</script>')).toBe('&lt;script&gt;x&lt;/script&gt;')
    expect(shown('a<br>b <!-- c -->')).toBe('<p>a<br/>b </p>')
    expect(shown('AT&amp;T &copy;')).toBe('<p>AT&amp;T ©</p>')
  })

  it('makes pictures links, and no address one that could run something', () => {
    expect(shown('![a cat](https://example.org/cat.png)')).toBe(
      '<p><a href="https://example.org/cat.png">a cat</a></p>',
    )
    for (const url of ['javascript:x', 'JaVaScRiPt:x', 'java&#10;script:x', 'data:text/html,x', 'vbscript:x'])
      expect(shown(`[a](<${url}>)`)).toBe('<p><a>a</a></p>')
    expect(shown('[a](docs/b.md#c:d)')).toBe('<p><a href="docs/b.md#c:d">a</a></p>')
  })
})
