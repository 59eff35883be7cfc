/**
 * A Chromium for tests of the web page: the one on the PATH, or Debian's package where we may install it.
 *
 * Where there is none, the running test is skipped with a line that says so: a page that nobody tested should not look
 * like one that passed.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Context } from 'mocha'
import { chromium, type Browser } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Installation takes a minute on a slow mirror. */
const INSTALL_MS_MAX = 300_000

/** No call home from the browser: such connections fail slowly where the network is closed. */
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Path of a Chromium, installing one if that is possible; undefined where there is none. */
export function findChromium(): string | undefined {
  return onPath() ?? (install() ? onPath() : undefined)
}

export interface ChromiumOptions {
  /** WAV that the fake microphone plays, over and over. Permission is granted without asking. */
  microphone?: string
}

/** Starts a browser; the caller closes it. Skips the running test where there is no Chromium. */
export async function startChromium(test: Context, { microphone }: ChromiumOptions = {}): Promise<Browser> {
  test.timeout(INSTALL_MS_MAX)
  const executablePath = findChromium()
  if (executablePath === undefined) {
    process.stderr.write(
      `SKIPPED: no Chromium, and none could be installed: "${test.test?.fullTitle() ?? ''}" did not run\n`,
    )
    test.skip()
  }
  const args = [...QUIET]
  // Chromium's sandbox refuses to run for root, which is who runs tests in a container.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  if (microphone !== undefined) {
    args.push('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream')
    args.push(`--use-file-for-fake-audio-capture=${microphone}`)
  }
  return chromium.launch({ executablePath, headless: true, args })
}

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(executable)
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function install(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  process.stderr.write('No Chromium here; installing the package of this system\n')
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: INSTALL_MS_MAX }
  const apt = () => spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], options).status === 0
  // The list of packages may be old or absent.
  return apt() || (spawnSync('apt-get', ['update'], options).status === 0 && apt())
}
