/** The whole service for one benchmark: `yap start` as a process with a port and a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { readRunFile, type RunFile } from '../start/run-file.js'

const YAP = fileURLToPath(new URL('../../../bin/yap.mjs', import.meta.url))
const READY_MS_MAX = 120_000
const POLL_MS = 100

export interface RunningSystem {
  run: RunFile
  /** From the start of the supervisor until everything was ready. */
  readyMs: number
  stop(): Promise<void>
}

/** @param args further options of `yap start`, as `--workers 2` */
export async function startSystem(args: readonly string[]): Promise<RunningSystem> {
  const dataDir = await mkdtemp(join(tmpdir(), 'yap-bench-'))
  const startedAt = performance.now()
  const child = spawn(process.execPath, [YAP, 'start', '--port', '0', '--data-dir', dataDir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()))
  const stop = async () => {
    await stopped(child)
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const run = await untilReady(child, dataDir, startedAt)
    return { run, readyMs: performance.now() - startedAt, stop }
  } catch (error) {
    await stop()
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error })
  }
}

async function untilReady(child: ChildProcess, dataDir: string, startedAt: number): Promise<RunFile> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`yap start ended with code ${child.exitCode}`)
    const run = await readRunFile(dataDir)
    if (run && run.processes.length >= 4 && run.processes.every((p) => p.state === 'ready')) return run
    if (performance.now() - startedAt > READY_MS_MAX)
      throw new Error(`yap start was not ready in ${READY_MS_MAX / 1000} s`)
    await wait(POLL_MS)
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}
