/** run.json together with what each process says of itself at /status. */
import { isRunning } from '../start/process-identity.js'
import { isLive, readRunFile, type RunFile, type RunProcess } from '../start/run-file.js'

export interface ProcessStatus extends RunProcess {
  /** What it answered; undefined: it has no such page, is not ready, or did not answer in time. */
  status?: Record<string, unknown>
}

export interface SystemStatus extends Omit<RunFile, 'processes'> {
  processes: ProcessStatus[]
}

/** A busy process answers between two steps. */
const ANSWER_MS_MAX = 2000

/** Undefined where nothing runs in `dataDir`, or only the file of a killed run is left. */
export async function readStatus(dataDir: string): Promise<SystemStatus | undefined> {
  const run = await readRunFile(dataDir)
  if (!run || !isLive(run)) return undefined
  return { ...run, processes: await Promise.all(run.processes.map(withStatus)) }
}

async function withStatus(process: RunProcess): Promise<ProcessStatus> {
  const { http } = process.ports
  if (http === undefined || !isRunning(process)) return process
  const status = (await statusPage(http)) ?? (await statusOfMetrics(http))
  return status ? { ...process, status } : process
}

async function statusPage(port: number): Promise<Record<string, unknown> | undefined> {
  const page = await ask(port, '/status')
  return page === undefined ? undefined : (JSON.parse(page) as Record<string, unknown>)
}

/** The edge has no page of its own for this, as its port is open to clients; its gauges say how many sessions it holds. */
async function statusOfMetrics(port: number): Promise<Record<string, unknown> | undefined> {
  const sessions = /^yap_sessions(?:\{[^}]*\})? (\d+)/m.exec((await ask(port, '/metrics')) ?? '')?.[1]
  return sessions === undefined ? undefined : { sessions: Number(sessions) }
}

/** Undefined: no such page, or no answer in time. */
async function ask(port: number, path: string): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    const body = await response.text()
    return response.ok ? body : undefined
  } catch {
    return undefined
  }
}
