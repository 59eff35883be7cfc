/**
 * A Chromium for browser tests: one that is installed, else Debian's, installed where this process may (root and apt). Where
 * neither works the tests that need it skip, and say so loudly.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Context } from 'mocha'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]
/** Some 100 MB are fetched and unpacked. */
const INSTALL_MS_MAX = 8 * 60_000

/** Path of the program; undefined where there is none and none can be installed. Installs at most once a machine. */
export function findChromium(): string | undefined {
  return installed() ?? (installDebian() ? installed() : undefined)
}

/** The same; skips the running test, with a line that says so, where there is none. */
export function requireChromium(test: Context): string {
  const path = findChromium()
  if (path) return path
  process.stderr.write(
    `SKIPPED: no Chromium is installed, nor can be, so "${test.test?.fullTitle() ?? ''}" did not run\n`,
  )
  test.skip()
}

function installed(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  const candidates = [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), ...ELSEWHERE]
  return candidates.find((path) => isExecutable(path))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether Debian's package was installed just now. */
function installDebian(): boolean {
  if (process.getuid?.() !== 0) return false
  const install = () => apt('install', '--yes', '--no-install-recommends', 'chromium')
  process.stderr.write("installing Debian's chromium for the browser tests\n")
  // Images come without package lists.
  return install() || (apt('update') && install())
}

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return (
    spawnSync('apt-get', ['-q', ...args], { env, stdio: ['ignore', 'ignore', 2], timeout: INSTALL_MS_MAX }).status === 0
  )
}
