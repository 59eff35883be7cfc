/**
 * Runs test files with mocha in this process and reports each outcome to test.mjs. mocha is not told to exit: when the tests are
 * over and something still keeps the process alive, that is a leak, and it is named with the file that began it.
 */
import { relative } from 'node:path'
import Mocha from 'mocha'
import { root } from './prepare.mjs'

/** Sockets and processes that were told to stop get this long after the last test. */
const LINGER_MS_MAX = 3000

const mocha = new Mocha({ reporter: 'spec', timeout: 30_000, color: process.stdout.isTTY === true })
if (process.env.CI) mocha.forbidOnly()
if (process.env.TEST_GREP) mocha.grep(process.env.TEST_GREP)
for (const file of process.argv.slice(2)) mocha.addFile(file)

const send = (message) => process.send?.(message)
/** Names of what was open after each file, in order. */
const openAfter = []

try {
  await mocha.loadFilesAsync()
} catch (error) {
  console.error(error)
  send({ type: 'fail', title: 'loading the test files', error: firstLine(error) })
  process.exit(1)
}

const runner = mocha.run((failures) => {
  send({ type: 'end' })
  process.exitCode = failures ? 1 : 0
  // Unreferenced: it only ever fires when something else keeps the process alive.
  setTimeout(nameLeaks, LINGER_MS_MAX).unref()
})
runner.on('test', (test) => send({ type: 'test', title: test.fullTitle() }))
runner.on('hook', (hook) => send({ type: 'test', title: hook.fullTitle() }))
runner.on('pass', () => send({ type: 'pass' }))
runner.on('pending', () => send({ type: 'skip' }))
runner.on('fail', (test, error) => send({ type: 'fail', title: test.fullTitle(), error: firstLine(error) }))
runner.on('suite end', (suite) => {
  if (suite.parent?.root) openAfter.push({ file: suite.file, open: process.getActiveResourcesInfo() })
})

function firstLine(error) {
  return String(error?.message ?? error).split('\n')[0]
}

function nameLeaks() {
  const open = process.getActiveResourcesInfo()
  for (const kind of new Set(open)) {
    const title = `${since(kind)} left ${count(open, kind)} ${kind} open`
    console.error(title)
    send({ type: 'fail', title, error: 'everything that a test starts it must stop' })
  }
  process.exit(1)
}

/** The first file after which this kind of resource was open, and stayed so. */
function since(kind) {
  let first
  for (const { file, open } of openAfter) {
    if (!open.includes(kind)) first = undefined
    else first ??= file
  }
  return first ? relative(root, first).replace('tests/dist', 'tests').replace(/\.js$/, '.ts') : 'a test file'
}

const count = (list, wanted) => list.filter((item) => item === wanted).length
