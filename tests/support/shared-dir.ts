/** Where the reference material (goldens, samples) lies beside a checkout; tests that need it skip loudly where it is absent. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from 'mocha'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The repository's root folder. */
export const repositoryDir = root

/** Path inside ../shared, or undefined where that folder is not there. */
export function sharedPath(...parts: string[]): string | undefined {
  const path = join(root, '..', 'shared', ...parts)
  return existsSync(path) ? path : undefined
}

/** Path inside ../shared; skips the running test, with a line that says so, where it is absent. */
export function sharedDir(test: Context, ...parts: string[]): string {
  const path = sharedPath(...parts)
  if (path) return path
  process.stderr.write(
    `SKIPPED: ../shared/${parts.join('/')} is not here, so "${test.test?.fullTitle() ?? ''}" did not run\n`,
  )
  test.skip()
}
