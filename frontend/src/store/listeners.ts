/** Who wants to hear when a list changes, or one thing in it. */
export class Listeners {
  private ofList = new Set<() => void>()
  private ofOne = new Map<string, Set<() => void>>()

  /** Called when what is in the list changes. */
  toList(listener: () => void): () => void {
    this.ofList.add(listener)
    return () => this.ofList.delete(listener)
  }

  /** Called when the one with that id changes. */
  toOne(id: string, listener: () => void): () => void {
    const listeners = this.ofOne.get(id) ?? new Set()
    this.ofOne.set(id, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.ofOne.get(id) === listeners) this.ofOne.delete(id)
    }
  }

  tellList(): void {
    for (const listener of [...this.ofList]) listener()
  }

  tellOne(id: string): void {
    for (const listener of [...(this.ofOne.get(id) ?? [])]) listener()
  }
}
