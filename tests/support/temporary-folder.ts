/** A folder for one test's files, removed after it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'mocha'

export interface TemporaryFolder {
  readonly path: string
  file(name: string): string
}

/** Call inside a describe: each test gets a folder of its own. */
export function temporaryFolder(): TemporaryFolder {
  let path = ''
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'yap-test-'))
  })
  afterEach(() => rm(path, { recursive: true, force: true }))
  return {
    get path() {
      return path
    },
    file: (name) => join(path, name),
  }
}
