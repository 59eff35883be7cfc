/** Waits for a condition, by name: tests never sleep for what they can ask about. */
import { setTimeout as delay } from 'node:timers/promises'

export interface EventuallyOptions {
  withinMs?: number
  everyMs?: number
  /** When true there is no point in waiting on: rejects at once. */
  unless?: () => boolean
}

/**
 * Resolves with the first value of `condition` that is neither false nor undefined. A condition that throws is asked again.
 * Rejects after withinMs (5 s) with the name of what did not come about, and the last error if there was one.
 */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  { withinMs = 5000, everyMs = 20, unless = () => false }: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const giveUpAt = Date.now() + withinMs
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
      last = undefined
    } catch (error) {
      last = error
    }
    if (unless()) throw new Error(`cannot come about any more: ${what}`, { cause: last })
    if (Date.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: last })
    await delay(everyMs)
  }
}
