/**
 * Finds a nats-server to run, or fetches one: on PATH, in Yap's cache, else from the sources of sources.ts in turn. Each step
 * says one line, so that a first start that takes a while explains itself.
 */
import { constants } from 'node:fs'
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { BINARY_NAME, NATS_VERSION, NATS_VERSION_MIN } from './release.js'
import { runTool } from './run-tool.js'
import { type Source, sources } from './sources.js'

export interface FoundNatsServer {
  path: string
  /** "2.15.1" */
  version: string
}

export interface EnsureOptions {
  /** Takes one line a step, without a prefix. */
  log?: (line: string) => void
  /** Yap's folder for what it fetches; default YAP_HOME, else ~/.cache/yap. */
  home?: string
  /** Folders to look in first, as PATH has them; default PATH. */
  path?: string
  sources?: readonly Source[]
}

export class NatsServerMissingError extends Error {}

/** Throws NatsServerMissingError, with what was tried, where none can be had. */
export async function ensureNatsServer(options: EnsureOptions = {}): Promise<FoundNatsServer> {
  const log = options.log ?? (() => {})
  const home = options.home ?? process.env.YAP_HOME ?? join(homedir(), '.cache', 'yap')
  const found = (await onPath(options.path ?? process.env.PATH ?? '', log)) ?? (await inCache(home))
  if (found) {
    log(`nats-server ${found.version}: ${found.path}`)
    return found
  }
  return await fetchInto(home, options.sources ?? sources, log)
}

async function onPath(path: string, log: (line: string) => void): Promise<FoundNatsServer | undefined> {
  for (const folder of path.split(delimiter).filter(Boolean)) {
    const candidate = join(folder, BINARY_NAME)
    if (!(await isExecutable(candidate))) continue
    const version = await versionOf(candidate).catch(() => undefined)
    if (version && compareVersions(version, NATS_VERSION_MIN) >= 0) return { path: candidate, version }
    log(
      `${candidate} is passed over: ${version ? `version ${version}, needed ${NATS_VERSION_MIN} or newer` : 'it does not run'}`,
    )
  }
  return undefined
}

const cachedPath = (home: string, version: string) =>
  join(home, 'bin', BINARY_NAME.replace('nats-server', `nats-server-${version}`))

/** The version we would fetch, else the newest that some source once gave us. */
async function inCache(home: string): Promise<FoundNatsServer | undefined> {
  const names = await readdir(join(home, 'bin')).catch(() => [])
  const versions = names
    .map((name) => /^nats-server-(\d+\.\d+\.\d+)/.exec(name)?.[1])
    .filter((found) => found !== undefined)
  versions.sort((a, b) => Number(b === NATS_VERSION) - Number(a === NATS_VERSION) || compareVersions(b, a))
  for (const version of versions) {
    const path = cachedPath(home, version)
    if (compareVersions(version, NATS_VERSION_MIN) < 0) continue
    // A file that was cut short, or is for another platform, is not used.
    if ((await versionOf(path).catch(() => undefined)) === version) return { path, version }
  }
  return undefined
}

async function fetchInto(home: string, from: readonly Source[], log: (line: string) => void): Promise<FoundNatsServer> {
  const folder = join(home, 'bin')
  await mkdir(folder, { recursive: true })
  const tried: string[] = []
  for (const source of from) {
    const scratch = await mkdtemp(join(folder, 'fetch-'))
    log(`no nats-server here; fetching ${source.name}`)
    try {
      const { program, from: origin } = await source.fetch(scratch)
      const candidate = join(scratch, `program-${BINARY_NAME}`)
      await writeFile(candidate, program)
      await chmod(candidate, 0o755)
      const version = await versionOf(candidate)
      if (compareVersions(version, NATS_VERSION_MIN) < 0)
        throw new Error(`it is version ${version}, needed ${NATS_VERSION_MIN} or newer`)
      // Renamed when whole: another start may be doing the same at this moment, and either result is good.
      const path = cachedPath(home, version)
      await rename(candidate, path)
      log(`nats-server ${version}: ${path} (${origin})`)
      return { path, version }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      tried.push(`${source.name}: ${why}`)
      log(`  not to be had there: ${why}`)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
  throw new NatsServerMissingError(
    `no nats-server ${NATS_VERSION_MIN} or newer is on PATH, and none could be fetched; install one and start again`,
    { cause: tried },
  )
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** "2.15.1" of a program that prints "nats-server: v2.15.1". */
async function versionOf(path: string): Promise<string> {
  const output = await runTool(path, ['--version'], { timeoutMs: 5000 })
  const version = /v?(\d+\.\d+\.\d+)/.exec(output)?.[1]
  if (!version) throw new Error(`${path} --version printed "${output.trim()}"`)
  return version
}

/** Below 0, 0 or above 0, as a is older than, the same as or newer than b. Three numbers each; anything after them is ignored. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map((part) => parseInt(part, 10)))
  for (let at = 0; at < 3; at++) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
