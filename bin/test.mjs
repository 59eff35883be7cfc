/**
 * `npm test`: prepares the checkout, then runs the lanes of tests/ one after the other, each in a process of its own, and ends
 * with one line: `N passed, N failed` (and `, N skipped`). Exit code 0 only when something passed and nothing failed.
 *
 *   npm test                          everything
 *   npm test -- unit integration      these lanes (folders of tests/)
 *   npm test -- tests/unit/bin        what lies under a path
 *   npm test -- --grep 'port'         only tests whose name matches
 *
 * What also counts as a failure: a lane that dies, hangs, leaves something open that keeps it alive, or leaves processes behind.
 */
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { prepare, PrepareError, root } from './prepare.mjs'

/** Run in this order, quick ones first; a folder of tests/ that is not named here runs last. */
const LANES = ['unit', 'integration', 'parity', 'browser']
const NOT_LANES = ['support', 'fixtures', 'dist']

/** No single test may say nothing for so long; mocha's own timeout ends every test that waits, this one those that block. */
const SILENCE_MS_MAX = 10 * 60_000
/** A lane whose tests are done must end by itself; test-lane.mjs says what holds it before this passes. */
const EXIT_MS_MAX = 15_000

const testsDir = join(root, 'tests')
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { grep: { type: 'string' } },
})

try {
  prepare()
} catch (error) {
  if (!(error instanceof PrepareError)) throw error
  console.log(`yap: ${error.message}\n0 passed, 1 failed`)
  process.exit(1)
}
const lanes = selectedLanes(positionals)
const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []

if (lanes.some(({ name }) => name !== 'unit')) await provideNatsServer()
for (const lane of lanes) await runLane(lane)

if (failures.length) console.log(`\nFailed:\n${failures.map((line) => `  ${line}`).join('\n')}`)
if (total.passed + total.failed === 0) {
  console.log('no test ran, which counts as a failure')
  total.failed = 1
}
const skipped = total.skipped ? `, ${total.skipped} skipped` : ''
process.exitCode = total.failed ? 1 : 0
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)

/** Lanes with the compiled files to run in each; a compiled file whose source is gone is left over, and left out. */
function selectedLanes(wanted) {
  const folders = readdirSync(testsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NOT_LANES.includes(entry.name))
    .map(({ name }) => name)
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  const paths = wanted.map((name) => (folders.includes(name) ? join(testsDir, name) : resolve(name)))
  return folders
    .map((name) => ({ name, files: testFiles(join(testsDir, name)).filter((file) => isUnderAny(file, paths)) }))
    .filter(({ files }) => files.length)
    .map(({ name, files }) => ({ name, files: files.map(compiledFile) }))
}

function rank(lane) {
  const index = LANES.indexOf(lane)
  return index < 0 ? LANES.length : index
}

function testFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .toSorted()
}

function isUnderAny(file, paths) {
  return paths.length === 0 || paths.some((path) => file === path || file.startsWith(path + sep))
}

function compiledFile(file) {
  return join(testsDir, 'dist', relative(testsDir, file).replace(/\.ts$/, '.js'))
}

/** Once, before the lanes, so that no test waits for a download; without it those that need it fail and say why. */
async function provideNatsServer() {
  const { ensureNatsServer } = await import('@yap/tools')
  try {
    await ensureNatsServer({ log: (line) => console.log(`yap: ${line}`) })
  } catch (error) {
    console.log(`yap: ${error.message}`)
  }
}

async function runLane({ name, files }) {
  console.log(`\n${name}: ${files.length} file${files.length === 1 ? '' : 's'}`)
  const runId = randomUUID()
  const result = await runProcess(name, files, runId)
  for (const line of leftProcesses(runId)) result.failures.push(`${name}: left a process behind: ${line}`)
  total.passed += result.passed
  total.skipped += result.skipped
  total.failed += result.failures.length
  failures.push(...result.failures)
}

/** Runs the files in one process; the result's failures are lines that name what failed. */
function runProcess(name, files, runId) {
  const result = { passed: 0, skipped: 0, failures: [] }
  const lane = fork(fileURLToPath(new URL('test-lane.mjs', import.meta.url)), files, {
    cwd: root,
    execArgv: ['--enable-source-maps'],
    env: { ...process.env, NODE_ENV: 'test', TEST_RUN_ID: runId, ...(options.grep ? { TEST_GREP: options.grep } : {}) },
  })
  let current = 'loading the files'
  let ended = false
  let timer
  const killAfter = (ms, why) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      result.failures.push(`${name}: ${why()}`)
      lane.kill('SIGKILL')
    }, ms)
  }
  killAfter(SILENCE_MS_MAX, () => `nothing heard for ${SILENCE_MS_MAX / 60_000} minutes in "${current}"`)
  lane.on('message', (message) => {
    if (message.type === 'test') current = message.title
    else if (message.type === 'pass') result.passed++
    else if (message.type === 'skip') result.skipped++
    else if (message.type === 'fail') result.failures.push(`${name}: ${message.title}: ${message.error}`)
    else if (message.type === 'end') ended = true
    if (!ended) killAfter(SILENCE_MS_MAX, () => `nothing heard for ${SILENCE_MS_MAX / 60_000} minutes in "${current}"`)
    else killAfter(EXIT_MS_MAX, () => `its process did not end ${EXIT_MS_MAX / 1000} s after the last test`)
  })
  return new Promise((done) => {
    lane.on('error', (error) => result.failures.push(`${name}: ${error.message}`))
    lane.on('close', (code, signal) => {
      clearTimeout(timer)
      if (!ended && result.failures.length === 0)
        result.failures.push(`${name}: its process died (${signal ?? code}) in "${current}"`)
      done(result)
    })
  })
}

/** Processes that a lane started and did not stop (Linux: by a variable in their environment); they are killed. */
function leftProcesses(runId) {
  if (!existsSync('/proc/self/environ')) return []
  const left = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TEST_RUN_ID=${runId}`)) continue
      left.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').join(' ').trim()}`)
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended while we looked, or it is another user's.
    }
  }
  return left
}
