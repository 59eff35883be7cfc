/**
 * `.yap/run.json`: what runs here, for `yap status`, for tests that kill things, and so that a second start notices the first.
 * Written whole and renamed into place at each change; only its owner may read it. A file whose supervisor is gone is stale.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isRunning, type ProcessIdentity } from './process-identity.js'

export interface RunProcess extends ProcessIdentity {
  /** "asr-worker-1" */
  name: string
  state: string
  restarts: number
  /** By use: "http", "grpc", "nats". */
  ports: Record<string, number>
}

export interface RunFile {
  supervisor: ProcessIdentity
  /** ISO time. */
  startedAt: string
  /** "http://127.0.0.1:8080" */
  address: string
  model: string
  processes: RunProcess[]
}

export const runFilePath = (dataDir: string) => join(dataDir, 'run.json')

/** The file's content; undefined where there is none, or one that cannot be read as ours. */
export async function readRunFile(dataDir: string): Promise<RunFile | undefined> {
  try {
    const content = JSON.parse(await readFile(runFilePath(dataDir), 'utf8')) as RunFile
    return typeof content.supervisor?.pid === 'number' && Array.isArray(content.processes) ? content : undefined
  } catch {
    return undefined
  }
}

/** Whether the supervisor that wrote the file still runs. */
export const isLive = (run: RunFile) => isRunning(run.supervisor)

export async function writeRunFile(dataDir: string, run: RunFile): Promise<void> {
  const path = runFilePath(dataDir)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const next = `${path}.${process.pid}`
  await writeFile(next, `${JSON.stringify(run, undefined, 2)}\n`, { mode: 0o600 })
  await rename(next, path)
}

export async function removeRunFile(dataDir: string): Promise<void> {
  await rm(runFilePath(dataDir), { force: true })
}
