/** The order of prompts that wait their turn. */

/** The waiting in the order the daemon runs them; those it has not placed yet come last, as they came. */
export function inOrder<T extends { task_id: string }>(waiting: readonly T[], order: readonly string[]): T[] {
  const places = new Map(order.map((id, place) => [id, place]))
  const placeOf = (task: T): number => places.get(task.task_id) ?? order.length
  return [...waiting].sort((a, b) => placeOf(a) - placeOf(b))
}

/** The order with one moved to the place of another, or by so many places; the same order where it cannot move. */
export function moved(order: readonly string[], id: string, to: string | number): readonly string[] {
  const from = order.indexOf(id)
  const wanted = typeof to === 'number' ? from + to : order.indexOf(to)
  if (from < 0 || wanted < 0 || wanted >= order.length || wanted === from) return order
  const rest = order.filter((each) => each !== id)
  return [...rest.slice(0, wanted), id, ...rest.slice(wanted)]
}
