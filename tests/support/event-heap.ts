/** A queue of events by time, for simulations on a virtual clock. Equal times come out in the order they went in. */
export class EventHeap<Event> {
  readonly #items: { atMs: number; order: number; event: Event }[] = []
  #order = 0

  get size(): number {
    return this.#items.length
  }

  push(atMs: number, event: Event): void {
    const items = this.#items
    items.push({ atMs, order: this.#order++, event })
    let child = items.length - 1
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (!this.#before(child, parent)) break
      this.#swap(child, parent)
      child = parent
    }
  }

  /** The earliest event, or undefined when there is none. */
  pop(): { atMs: number; event: Event } | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length > 0 && last) {
      items[0] = last
      let parent = 0
      for (;;) {
        let least = 2 * parent + 1
        if (least >= items.length) break
        if (least + 1 < items.length && this.#before(least + 1, least)) least++
        if (!this.#before(least, parent)) break
        this.#swap(least, parent)
        parent = least
      }
    }
    return first
  }

  #before(a: number, b: number): boolean {
    const one = this.#items[a]!
    const other = this.#items[b]!
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a]!
    this.#items[a] = this.#items[b]!
    this.#items[b] = item
  }
}
