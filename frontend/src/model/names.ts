/** The order of names as people count: `w2` before `w10`. */

const natural = new Intl.Collator('en', { numeric: true })

/** Of names alike otherwise, as `w1` and `w01` are, one is always first. */
export function byName(a: string, b: string): number {
  return natural.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)
}
