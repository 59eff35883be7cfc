/**
 * What is being written under a temporary name. A writer that fails removes its own; a process that is told to stop calls
 * removeUnfinished() on its way out, so that Ctrl-C leaves no more behind than a failure does.
 */
import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'

const unfinished = new Set<string>()

/** Runs `write`, then removes what still is at `path`: nothing, where `write` has given it its name. */
export async function whileUnfinished<T>(path: string, write: () => Promise<T>): Promise<T> {
  unfinished.add(path)
  try {
    return await write()
  } finally {
    // The failure of `write` is the one to tell.
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
    unfinished.delete(path)
  }
}

/** At once: for a signal handler, after which the process ends. */
export function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}
