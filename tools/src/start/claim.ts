/** Before anything starts: nobody else may run in the same folder, or sit on the port, and what a killed run left is cleared. */
import { whyPortIsTaken } from '../nats/free-port.js'
import { UsageError } from '../usage-error.js'
import { isRunning, signalProcess } from './process-identity.js'
import { isLive, readRunFile, removeRunFile } from './run-file.js'

/**
 * Throws UsageError where a run is going on in `dataDir`. A run that was killed, its watchdog too, may have left processes: they
 * are ended, and `log` gets a line for each.
 */
export async function claimDataDir(dataDir: string, log: (line: string) => void): Promise<void> {
  const run = await readRunFile(dataDir)
  if (!run) return
  if (isLive(run)) {
    throw new UsageError(
      `Yap already runs here: ${run.address}, pid ${run.supervisor.pid}. Stop it, or give this one --data-dir and --port of its own`,
    )
  }
  log('a former run was killed; clearing what it left')
  for (const process of run.processes) {
    if (isRunning(process) && signalProcess(process, 'SIGKILL')) log(`  ended ${process.name}, pid ${process.pid}`)
  }
  await removeRunFile(dataDir)
}

/** Throws UsageError, naming the port and the way out, where the edge could not listen. */
export async function checkPort(port: number, host: string): Promise<void> {
  const why = await whyPortIsTaken(port, host)
  if (why === undefined) return
  if (why === 'EADDRINUSE') {
    throw new UsageError(
      `port ${port} on ${host} is in use by another program; choose another with --port ${port + 1}, say`,
    )
  }
  if (why === 'EACCES')
    throw new UsageError(`port ${port} needs rights that this user lacks; choose one above 1023 with --port`)
  throw new UsageError(`cannot listen on ${host}, port ${port} (${why}); ASR_HOST and --port say where`)
}
