/**
 * Makes a checkout ready to run: checks Node, installs the dependencies when they are not those of package-lock.json, compiles.
 *
 * Dependencies may run no code at installation (.npmrc), and npm then runs no pre-scripts of ours either. So `npm start` and
 * `npm test` call this themselves. When there is nothing to do it costs under half a second and prints nothing.
 *
 * Plain JavaScript without dependencies: it runs before there are any.
 *
 *   node bin/prepare.mjs      prepare and stop there
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Node below this lacks what the dependencies need. Keep in step with "engines" in package.json. */
const NODE_MIN = [20, 19]

const say = (line) => process.stderr.write(`yap: ${line}\n`)

/** A step that failed; `message` is one line for the person at the terminal. */
export class PrepareError extends Error {}

/** Runs all the steps; throws PrepareError. */
export function prepare() {
  checkNode()
  install()
  compile()
}

/** Compiles only when the command has never been compiled: for `yap`, which must start at once. */
export function compileIfMissing() {
  checkNode()
  if (existsSync(join(root, 'tools/dist/cli.js'))) return
  say('compiling (once)')
  compile()
}

/** Prints a PrepareError as one line and ends; anything else is a fault of ours and keeps its stack. */
export function orExit(step) {
  try {
    step()
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error
    say(error.message)
    process.exit(1)
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  throw new PrepareError(`Node ${process.versions.node} is too old; Yap needs Node ${NODE_MIN.join('.')} or newer`)
}

function install() {
  const reason = whyInstall()
  if (!reason) return
  say(`installing the dependencies (${reason})`)
  const startedAt = Date.now()
  // npm's own script when npm started us, so that the same npm does the work; else the one on PATH.
  const npm = process.env.npm_execpath
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && command === 'npm',
    // What npm set for `npm start` must not steer the inner npm (its prefix, its workspace, its lifecycle).
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_|execpath)/.test(name))),
  })
  if (done.error) throw new PrepareError(`npm could not be started: ${done.error.message}`)
  if (done.status !== 0) throw new PrepareError('`npm ci` failed; its own message is above')
  say(`installed in ${seconds(startedAt)}`)
}

/**
 * Why node_modules has to be installed anew; undefined when it is what package-lock.json says. npm keeps what it installed in
 * node_modules/.package-lock.json, whichever of its commands did it, so comparing the two needs no stamp of ours.
 */
export function whyInstall(dir = root) {
  const installedPath = join(dir, 'node_modules/.package-lock.json')
  if (!existsSync(installedPath)) return 'there are none yet'
  const wanted = JSON.parse(readFileSync(join(dir, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue
    const found = installed[path]
    // Optional ones are left out on other platforms.
    if (!found && (entry.optional || entry.devOptional)) continue
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (!found) return `${name} is missing`
    if (found.version !== entry.version || found.link !== entry.link) return `${name} changed`
  }
  return undefined
}

function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  if (!existsSync(tsc)) throw new PrepareError(`the dependencies are not installed; run \`npm ci\` in ${root}`)
  const startedAt = Date.now()
  const done = spawnSync(process.execPath, [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.status !== 0) throw new PrepareError('compiling failed; the errors are above')
  // A compiler that found nothing to do is done by then.
  if (Date.now() - startedAt > 1500) say(`compiled in ${seconds(startedAt)}`)
}

const seconds = (startedAt) => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) orExit(prepare)
