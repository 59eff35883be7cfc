/** `yap model inspect`: what an archive or a compiled model is, without running it. */
import type { Command } from 'commander'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  loadManifest,
  lookAheadOf,
  MANIFEST_FILE,
  modelShapeOf,
  openNemo,
  resolveModel,
  type LookAhead,
  type ModelShape,
} from '@yap/model'

interface Facts {
  path: string
  kind: 'archive' | 'compiled'
  shape: Omit<ModelShape, 'maxSymbols'>
  lookAheads: LookAhead[]
  vocabulary: number
  tensors?: number
  hash?: string
  licence?: string
  source?: string
  parameters?: number
}

export function registerModelInspect(group: Command): void {
  group
    .command('inspect')
    .description('show what a .nemo archive or a compiled model is: sizes, look-aheads, vocabulary, licence')
    .argument('<model>', 'a .nemo file, a model directory, or a name')
    .option('--json', 'print one JSON object')
    .action(async (model: string, options: { json?: boolean }) => {
      const facts = await inspect(model)
      process.stdout.write(options.json ? `${JSON.stringify(facts)}\n` : describe(facts))
    })
}

async function inspect(model: string): Promise<Facts> {
  const isFile = (await stat(model).catch(() => undefined))?.isFile() ?? false
  return isFile ? inspectArchive(model) : inspectCompiled(await resolveModel(model))
}

async function inspectArchive(path: string): Promise<Facts> {
  const archive = await openNemo(path)
  try {
    const { maxSymbols: _, ...shape } = modelShapeOf(archive.config)
    const lookAheads = shape.attContexts.map(([left, right]) => lookAheadOf(left, right))
    const tensors = archive.checkpoint.names().length
    return { path, kind: 'archive', shape, lookAheads, vocabulary: archive.pieces.length, tensors }
  } finally {
    await archive.close()
  }
}

async function inspectCompiled(dir: string): Promise<Facts> {
  const { shape, lookAheads, pieces, hash, licence, source, parameters } = await loadManifest(dir)
  const path = join(dir, MANIFEST_FILE)
  return { path, kind: 'compiled', shape, lookAheads, vocabulary: pieces.length, hash, licence, source, parameters }
}

function describe(facts: Facts): string {
  const { shape: s } = facts
  const rows: [string, string][] = [
    [facts.kind === 'archive' ? 'archive' : 'compiled model', facts.path],
    ['encoder', `${s.layers} layers of ${s.modelDim}, ${s.heads} heads, convolution ${s.convKernel} (${s.convNorm})`],
    ['features', `${s.mels} mel bins`],
    ['transducer', `${s.predictionLayers} LSTM layer(s) of ${s.predictionHidden}, joint ${s.jointHidden}`],
    ['vocabulary', `${facts.vocabulary} pieces`],
    ['look-aheads', facts.lookAheads.map((l) => `${l.name} (${l.right * 80} ms)`).join(', ')],
  ]
  if (facts.parameters) rows.push(['parameters', `${(facts.parameters / 1e6).toFixed(2)} M`])
  if (facts.tensors) rows.push(['tensors', String(facts.tensors)])
  if (facts.licence) rows.push(['licence', facts.licence])
  if (facts.source) rows.push(['source', facts.source])
  if (facts.hash) rows.push(['hash', facts.hash])
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}
