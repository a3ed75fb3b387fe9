/** Markdown in pieces: while an answer streams only its last piece changes, and only that one is parsed again. */

const FENCE = /^ {0,3}(`{3,}|~{3,})/
const INDENTED_OR_LIST = /^(\s|[-*+]\s|\d+[.)]\s|>)/

/**
 * The text cut at blank lines, outside of code fences, where the next line starts something new.
 *
 * A list with blank lines inside stays whole, else its numbers would begin again. Joined with `\n\n` the pieces render
 * as the text did.
 */
export function markdownBlocks(text: string): string[] {
  const blocks: string[] = []
  let current: string[] = []
  let fence: string | null = null
  let isAfterBlank = false
  for (const line of text.split('\n')) {
    const continues = fence !== null || (INDENTED_OR_LIST.test(line) && INDENTED_OR_LIST.test(current[0] ?? ''))
    if (isAfterBlank && !continues && line.trim() !== '') {
      blocks.push(current.join('\n').trimEnd())
      current = []
    }
    const mark: string | undefined = FENCE.exec(line)?.[1]
    if (mark && fence === null) fence = mark
    else if (mark && fence !== null && mark[0] === fence[0] && mark.length >= fence.length && line.trim() === mark)
      fence = null
    isAfterBlank = line.trim() === '' && current.length > 0
    if (line.trim() !== '' || current.length > 0) current.push(line)
  }
  const last = current.join('\n').trimEnd()
  return last === '' ? blocks : [...blocks, last]
}
