import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import {
  AudioFlag,
  decodeAudioMessage,
  decodeBindRequest,
  decodeBindResponse,
  decodeHeartbeat,
  decodeTextMessage,
  ERRORS,
  LIMITS,
  parseClientMessage,
  serverMessageSchema,
} from '@yap/protocol'
import { configDocs } from '@yap/runtime'
import { repositoryDir } from '../../support/shared-dir.js'

interface GenDocs {
  TABLES: { file: string; name: string; content(): string }[]
  refreshed(text: string, name: string, content: string): string
}

const read = (path: string) => readFileSync(join(repositoryDir, path), 'utf8')
const bytesOf = (text: string) => new TextEncoder().encode(text)

// Goal: what docs/ says is what the code does, as far as a machine can tell.
// Method: generated tables are made again and compared; examples are fed to the real decoders; names and paths are looked up.
describe('the documents', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs')]

  it('have the tables that the code declares (else: npm run gen:docs)', async () => {
    const { TABLES, refreshed } = (await import(pathToFileURL(join(repositoryDir, 'bin/gen-docs.mjs')).href)) as GenDocs
    for (const { file, name, content } of TABLES) {
      const text = read(`docs/${file}`)
      expect(refreshed(text, name, content()), `docs/${file}, table ${name}`).to.equal(text)
    }
    expect(read('docs/OPERATIONS.md')).to.include(configDocs())
  })

  it('name every limit with its value and a reason', () => {
    const text = read('docs/ARCHITECTURE.md')
    for (const [name, value] of Object.entries(LIMITS)) {
      const row = new RegExp(`^\\| \`${name}\` \\| ([\\d,.]+) \\| (.+) \\|$`, 'm').exec(text)
      expect(row?.[1]?.replaceAll(',', ''), name).to.equal(String(value))
      expect(row?.[2], name).to.match(/\w+/)
    }
  })

  it('name every error with its close code', () => {
    const text = read('docs/PROTOCOL.md')
    for (const [code, { close }] of Object.entries(ERRORS)) expect(text).to.include(`| \`${code}\` | ${close} |`)
  })

  it('name every metric, and none that is not there', () => {
    const sources = [
      'services/edge/src/metrics.ts',
      'services/router/src/metrics.ts',
      'services/asr-worker/src/metrics.ts',
      'libs/runtime/src/process-metrics.ts',
    ]
    const real = sources.flatMap((path) => [...read(path).matchAll(/'(yap_[a-z_]+)'/g)].map(([, name]) => name))
    const named = [...read('docs/OPERATIONS.md').matchAll(/`(yap_[a-z_]+)`/g)].map(([, name]) => name)
    expect([...new Set(named)].toSorted()).to.deep.equal([...new Set(real)].toSorted())
  })

  it('show messages that the real decoders take', () => {
    const text = read('docs/PROTOCOL.md')
    const decoders: Record<string, (example: string) => unknown> = {
      client: parseClientMessage,
      server: (example) => serverMessageSchema.parse(JSON.parse(example)),
      text: (example) => decodeTextMessage(bytesOf(example)),
      'bind request': (example) => decodeBindRequest(bytesOf(example)),
      'bind response': (example) => decodeBindResponse(bytesOf(example)),
      heartbeat: (example) => decodeHeartbeat(bytesOf(example)),
    }
    const blocks = [...text.matchAll(/```json ([a-z ]+)\n([\s\S]*?)```/g)]
    expect(new Set(blocks.map(([, kind]) => kind))).to.deep.equal(new Set(Object.keys(decoders)))
    for (const [, kind = '', examples = ''] of blocks)
      for (const example of examples.split(/\n(?=\{)/).filter((part) => part.trim()))
        expect(() => decoders[kind]!(example), example).not.to.throw()
  })

  it('show an audio message byte by byte', () => {
    const hex = /```hex\n([\s\S]*?)```/.exec(read('docs/PROTOCOL.md'))?.[1] ?? ''
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(/#.*|\s/g, ''), 'hex'))
    const { pcm, ...header } = decodeAudioMessage(bytes)
    expect([...pcm]).to.deep.equal([1, -2])
    expect(header).to.deep.equal({
      flags: AudioFlag.FINALIZE,
      epoch: 2,
      turn: 3,
      ack: 17,
      offset: 65536,
      turnStart: 64000,
    })
  })

  it('point at files that are there', () => {
    const missing = documents.flatMap((document) => {
      const text = read(document)
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, to]) => join(dirname(document), to!))
      const paths = [...text.matchAll(/`((?:libs|services|tools|tests|docs|bin|models|samples)\/[\w./-]*)`/g)]
      const all = [...links, ...paths.map(([, path]) => path!)]
      return all.filter((path) => !existsSync(join(repositoryDir, path))).map((path) => `${document}: ${path}`)
    })
    expect(missing).to.deep.equal([])
  })
})

function markdownIn(folder: string): string[] {
  return readdirSync(join(repositoryDir, folder), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}
