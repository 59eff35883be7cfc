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
  try {
    const response = await fetch(`http://127.0.0.1:${http}/status`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    return response.ok ? { ...process, status: (await response.json()) as Record<string, unknown> } : process
  } catch {
    return process
  }
}
