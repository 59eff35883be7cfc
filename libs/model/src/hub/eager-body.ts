/**
 * A response's body, read as it comes. A broken connection discards what a stream still holds back, so bytes that have
 * arrived would be fetched twice; here they are taken at once, up to a bound, and the failure is told after them.
 */

const WAITING_BYTES_MAX = 8 * 2 ** 20

export class EagerBody {
  readonly #chunks: Uint8Array[] = []
  #waitingBytes = 0
  #over = false
  #failure: Error | undefined
  #wake: () => void = () => undefined
  #cancelled = false

  constructor(body: ReadableStream<Uint8Array> | null) {
    void this.#fill(body)
  }

  /** What has come and was not taken yet; waits for more. Undefined at the end; throws where the body broke off. */
  async take(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#over) await this.#change()
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#waitingBytes -= chunk.length
      this.#wake()
      return chunk
    }
    if (this.#failure) throw this.#failure
    return undefined
  }

  /** Lets go of the connection. */
  cancel(): void {
    this.#cancelled = true
    this.#wake()
  }

  async #fill(body: ReadableStream<Uint8Array> | null): Promise<void> {
    try {
      for await (const chunk of body ?? []) {
        this.#chunks.push(chunk)
        this.#waitingBytes += chunk.length
        this.#wake()
        while (this.#waitingBytes > WAITING_BYTES_MAX && !this.#cancelled) await this.#change()
        if (this.#cancelled) break
      }
    } catch (error) {
      this.#failure = error as Error
    }
    this.#over = true
    this.#wake()
  }

  /** Reader and filler never wait at once: one waits for bytes to come, the other for bytes to go. */
  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}
