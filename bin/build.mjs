/** Compiles the workspaces with tsc when the compiled command is missing; says so, because it takes a few seconds. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

export function build({ quiet = false } = {}) {
  if (!quiet) process.stderr.write('yap: compiling (once)…\n')
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
  if (!existsSync(tsc)) {
    process.stderr.write('yap: dependencies are not installed; run `npm ci` in ' + root + '\n')
    process.exit(1)
  }
  const done = spawnSync(process.execPath, [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.status !== 0) {
    process.stderr.write('yap: compiling failed\n')
    process.exit(done.status ?? 1)
  }
}

export function buildIfMissing() {
  if (!existsSync(new URL('../tools/dist/cli.js', import.meta.url))) build()
}
