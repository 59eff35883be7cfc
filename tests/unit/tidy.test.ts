import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect } from 'chai'
import { repositoryDir } from '../support/shared-dir.js'

const isGenerated = (path: string) => path.split('/').includes('gen')
const isCode = (path: string) => /\.(ts|mjs|js|cjs)$/.test(path) && !isGenerated(path)
/** "libs/audio", "services/edge", "tools", "tests"; undefined outside of them. */
const packageOf = (path: string) => /^((?:libs|services)\/[^/]+|tools|tests)\//.exec(path)?.[1]
const layerOf = (path: string) => path.split('/')[0] ?? ''

// Goal: the rules of the tree hold without anybody remembering them; a breach is named as file:line.
// Method: plain reading of the tracked files (and those about to be), line by line; no parser is needed for rules this simple.
describe('the tree', () => {
  const TEXT_BYTES_MAX = 1024 * 1024
  const LINES_MAX = 400

  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryDir,
  })
    .toString()
    .split('\0')
    .filter((path) => path && existsSync(join(repositoryDir, path)))
  const contents = new Map<string, string[]>()
  const linesOf = (path: string) => {
    let lines = contents.get(path)
    if (!lines) contents.set(path, (lines = readText(path)?.split('\n') ?? []))
    return lines
  }
  const readText = (path: string) => {
    const full = join(repositoryDir, path)
    if (statSync(full).size > TEXT_BYTES_MAX) return undefined
    const text = readFileSync(full, 'utf8')
    return text.includes('\0') ? undefined : text
  }
  /** "file:line: why" for each line of the files that `judge` finds fault with. */
  const breaches = (paths: string[], judge: (line: string, path: string) => string | false | undefined) =>
    paths.flatMap((path) =>
      linesOf(path).flatMap((line, at) => {
        const why = judge(line, path)
        return why ? [`${path}:${at + 1}: ${why}`] : []
      }),
    )

  /** Folder and doors by name; a door is "." or "./grpc", as package.json exports it. */
  const workspaces = new Map<string, { folder: string; doors: string[] }>()
  for (const path of files.filter((file) => /^((libs|services)\/[^/]+|tools)\/package\.json$/.test(file))) {
    const { name, exports = {} } = JSON.parse(linesOf(path).join('\n')) as { name: string; exports?: object }
    workspaces.set(name, { folder: dirname(path), doors: Object.keys(exports) })
  }

  it('imports one way: tools, services, then libs; never service to service, and only through the front door', () => {
    const found = breaches(
      files.filter((path) => isCode(path) && packageOf(path)),
      (line, path) => {
        const wanted = /(?:^|\s)(?:from|import)\s*\(?\s*'([^']+)'/.exec(line)?.[1]
        const own = packageOf(path) ?? ''
        if (!wanted) return false
        if (wanted.startsWith('.')) {
          const target = normalize(join(dirname(path), wanted))
          return (
            !`${target}/`.startsWith(`${own}/`) &&
            !(layerOf(path) === 'tests' && target.startsWith('bin/')) &&
            `${wanted} leaves ${own}`
          )
        }
        if (!wanted.startsWith('@yap/')) return false
        const [scope, name, ...deeper] = wanted.split('/')
        const workspace = workspaces.get(`${scope}/${name}`)
        if (!workspace) return `${wanted} is no package here`
        const target = workspace.folder
        const door = ['.', ...deeper].join('/')
        if (!workspace.doors.includes(door))
          return `${wanted} reaches into ${target}, whose doors are ${workspace.doors.join(' ')}`
        if (target === own) return `${wanted} is this package itself; use a relative path`
        if (layerOf(path) === 'tests') return false
        return layerOf(target) !== 'libs' && `${own} may not import ${target}`
      },
    )
    expect(found).to.deep.equal([])
  })

  it('has no file for whatever had no place', () => {
    const found = files.filter((path) => /(^|[/.-])(utils?|helpers?|misc|common)\.[a-z]+$/i.test(path))
    expect(found).to.deep.equal([])
  })

  it(`has no source file above ${LINES_MAX} lines`, () => {
    const found = files.filter(isCode).filter((path) => linesOf(path).length > LINES_MAX + 1)
    expect(found.map((path) => `${path}: ${linesOf(path).length - 1} lines`)).to.deep.equal([])
  })

  it('puts nothing off', () => {
    const words = /\b(T[O]DO|FIX[M]E|X[X]X)\b/
    const found = breaches(
      files.filter((path) => path !== 'package-lock.json' && !isGenerated(path)),
      (line) => words.exec(line)?.[0],
    )
    expect(found).to.deep.equal([])
  })

  it('knows no machine and no package host', () => {
    // One letter of each in brackets, so that this file passes its own test.
    const host = /registry[.]npmjs[.]org|pypi[.]org|pythonhosted[.]org|proxy[.]golang[.]org|deb[.]debian[.]org/
    const path = /(?<![\w.])(?:\/w[o]rk\/|\/r[o]ot\/|\/h[o]me\/[a-z]|\/U[s]ers\/[a-z])/
    const found = breaches(files, (line) => (host.exec(line) ?? path.exec(line))?.[0])
    expect(found).to.deep.equal([])
  })

  it('pins every dependency to one exact version', () => {
    const found = files
      .filter((path) => /(^|\/)package\.json$/.test(path))
      .flatMap((path) => {
        const content = JSON.parse(linesOf(path).join('\n')) as Record<string, Record<string, string> | undefined>
        const all = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
          Object.entries(content[kind] ?? {}),
        )
        return all
          .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
          .map(([name, version]) => `${path}: ${name} ${version}`)
      })
    expect(found).to.deep.equal([])
  })

  it('locks dependencies by checksum, whatever host they came from', () => {
    const found = breaches(['package-lock.json'], (line) => /"resolved": "\w+:/.exec(line)?.[0])
    expect(found).to.deep.equal([])
    const { packages } = JSON.parse(linesOf('package-lock.json').join('\n')) as { packages: Record<string, LockEntry> }
    const unchecked = Object.entries(packages).filter(
      ([path, entry]) => path.includes('node_modules/') && !entry.link && !entry.integrity,
    )
    expect(unchecked.map(([path]) => path)).to.deep.equal([])
  })

  it('has no dependency that wants to run code at its installation, but for those that work without', () => {
    const harmless: Record<string, string> = {
      'onnxruntime-node': 'its script only fetches CUDA libraries; the CPU ones are in the package',
      protobufjs: 'its script only prints a warning about version ranges',
      fsevents: 'optional, for macOS; its prebuilt binary is in the package',
    }
    const { packages } = JSON.parse(linesOf('package-lock.json').join('\n')) as { packages: Record<string, LockEntry> }
    const found = Object.entries(packages)
      .filter(([, entry]) => entry.hasInstallScript)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
      .filter((name) => !harmless[name])
    expect(found).to.deep.equal([])
    expect(linesOf('.npmrc')).to.include('ignore-scripts=true')
  })
})

interface LockEntry {
  link?: boolean
  integrity?: string
  hasInstallScript?: boolean
}
