/**
 * `npm run bench:model`: makes a random model of full size, compiles it and steps it, one stream and more.
 *
 *   npm run bench:model                          the 114 M architecture, about two minutes
 *   npm run bench:model -- --like tiny           seconds; the size that `npm test` runs
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compileNemo, HostEngine, makeRandomModel, syntheticSpeech } from '@yap/model'
import { startProgress } from '../progress.js'
import { appendResult } from './lane-result.js'
import { measureSteps, type StepCost } from './step-cost.js'

const LARGE = 'nvidia/stt_en_fastconformer_hybrid_large_streaming_multi'
const HELP = `npm run bench:model -- [--like NAME] [--streams 1,4] [--steps N] [--json] [--no-save]

Makes a random model like NAME (default ${LARGE}), prints what compiling it
takes, and the real-time factor of its steps (RNNT) at every look-ahead.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      like: { type: 'string', default: LARGE },
      streams: { type: 'string', default: '1' },
      steps: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
      'no-save': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const streams = values.streams.split(',').map(Number)
  const steps = Number(values.steps)
  if (![...streams, steps].every((n) => Number.isInteger(n) && n > 0))
    throw new Error('--streams and --steps take whole numbers above 0')
  const work = await mkdtemp(join(tmpdir(), 'yap-bench-model-'))
  try {
    const result = await measure(values.like, streams, steps, work)
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else print(result)
    if (!values['no-save']) process.stderr.write(`kept in ${await appendResult({ lane: 'model', ...result })}\n`)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function measure(like: string, streams: readonly number[], steps: number, work: string) {
  const progress = startProgress(`a random model like ${like}`)
  const nemoPath = join(work, 'random.nemo')
  const made = await makeRandomModel({ like, seed: 1, outDir: join(work, 'made'), nemoPath }).finally(() =>
    progress.stop(),
  )

  const modelDir = join(work, 'compiled')
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  const manifest = await compileNemo(nemoPath, modelDir)
  const compileS = (performance.now() - before) / 1000
  const cpu = process.cpuUsage(cpuBefore)

  const engine = await HostEngine.create({ modelDir, manifest, slots: Math.max(...streams) })
  const audio = syntheticSpeech(20, 2)
  const costs: StepCost[] = []
  try {
    for (const lookAhead of manifest.lookAheads.toReversed()) {
      for (const n of streams) costs.push(await measureSteps(engine, lookAhead, 'rnnt', n, steps, audio))
    }
  } finally {
    await engine.close()
  }
  return {
    like,
    parameters: manifest.parameters,
    tokensPerFrame: made.tokensPerFrame,
    compileS,
    compileCpuS: (cpu.user + cpu.system) / 1e6,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
    costs,
  }
}

function print(r: Awaited<ReturnType<typeof measure>>): void {
  const lines = [
    `${r.like}: ${(r.parameters / 1e6).toFixed(2)} M parameters, random; ${r.tokensPerFrame.toFixed(2)} tokens a frame`,
    `compiled in ${r.compileS.toFixed(1)} s (${r.compileCpuS.toFixed(1)} s of CPU); peak memory of this process ${r.peakRssMb.toFixed(0)} MB`,
    '',
    'look-ahead  streams  CPU RTF  wall RTF  streams a core',
    ...r.costs.map(
      (c) =>
        `${c.attCtx.padEnd(10)}  ${String(c.streams).padStart(7)}  ${c.cpuRtf.toFixed(3).padStart(7)}  ${c.rtf.toFixed(3).padStart(8)}  ${(1 / c.cpuRtf).toFixed(1).padStart(14)}`,
    ),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

await main().catch((error: Error) => {
  process.stderr.write(`bench:model: ${error.message}\n`)
  process.exitCode = 1
})
