/** What an edit changed, line by line, and patches as lines with a colour. */

export interface DiffLine {
  /** `hunk`: what stands between lines and is none. */
  kind: 'same' | 'added' | 'removed' | 'hunk'
  text: string
}

// The table below has lines² cells: beyond this an edit is shown as all removed, all added.
const LARGEST_TABLE_CELLS = 1_000_000

/** The lines of `before` and `after` in one list, by their longest common subsequence. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const a = toLines(before)
  const b = toLines(after)
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++
  return [
    ...a.slice(0, start).map(same),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(same),
  ]
}

/** The lines of a unified patch of one file, without what git says of the file before the first of them. */
export function patchLines(patch: string): DiffLine[] {
  const lines = toLines(patch)
  // Only up to here: behind it a line that begins with dashes is one that was removed.
  const begin = lines.findIndex((line) => line.startsWith('@@'))
  return begin < 0 ? [] : lines.slice(begin).map(patchLine)
}

function patchLine(line: string): DiffLine {
  switch (line[0]) {
    case '@':
      return { kind: 'hunk', text: line }
    case '+':
      return added(line.slice(1))
    case '-':
      return removed(line.slice(1))
    case '\\': // of the file's end, not a line of it
      return { kind: 'hunk', text: line.slice(2) }
    default:
      return same(line.slice(1))
  }
}

function middle(a: string[], b: string[]): DiffLine[] {
  if (a.length * b.length > LARGEST_TABLE_CELLS) return [...a.map(removed), ...b.map(added)]
  const width = b.length + 1
  const common = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!)
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push(same(a[i]!))
      i++
      j++
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) lines.push(removed(a[i++]!))
    else lines.push(added(b[j++]!))
  }
  return [...lines, ...a.slice(i).map(removed), ...b.slice(j).map(added)]
}

const toLines = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))
const same = (text: string): DiffLine => ({ kind: 'same', text })
const added = (text: string): DiffLine => ({ kind: 'added', text })
const removed = (text: string): DiffLine => ({ kind: 'removed', text })
