/**
 * Goal: the tokens of NeMo's own cache-aware loop, at every step, from the same archive.
 * Method: NeMo's recorded runs (../shared/goldens) against the streaming recogniser, fed in ragged pieces: log-mel,
 * encoder frames, RNNT and CTC tokens and texts of every step; then every edge of a turn's end (short.json).
 */
import { expect } from 'chai'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileNemo, StreamingRecogniser, type Decoder, type StepRowResult } from '@yap/model'
import { readSafetensors } from '../support/safetensors.js'
import { sharedDir } from '../support/shared-dir.js'

interface GoldenStep {
  mel_start: number
  mel_new: number
  encoded_len: number
  rnnt_tokens: number[]
  rnnt_text: string
  ctc_text: string
  ctc_argmax: number[]
}
interface GoldenRun {
  listed_in_config: boolean
  pad_and_drop_preencoded: boolean
  file: string
  steps: GoldenStep[]
}
interface GoldenModel {
  nemo_file: string
  features: { file: string }
  lookaheads: Record<string, GoldenRun>
}
interface ShortCase {
  att_ctx: string
  samples: number
  start: number
  rnnt: number[]
  ctc: number[]
  rnnt_text: string
  ctc_text: string
  encoded_len: number[]
}

const MEL_DIFFERENCE_MAX = 1e-3
const ENCODER_DIFFERENCE_MAX = 1e-4

describe('parity with NeMo', () => {
  const work = mkdtempSync(join(tmpdir(), 'yap-parity-'))
  after(() => rmSync(work, { recursive: true, force: true }))

  for (const name of ['tiny', 'tiny-bn']) {
    describe(name, () => {
      let golden: GoldenModel
      let goldens: string
      let pcm: Int16Array
      let modelDir: string

      before(async function () {
        goldens = sharedDir(this, 'goldens')
        golden = JSON.parse(readFileSync(join(goldens, 'golden/manifest.json'), 'utf8')).models[name]
        pcm = pcmOf(join(goldens, 'golden/input.pcm'))
        modelDir = join(work, name)
        await compileNemo(join(goldens, golden.nemo_file), modelDir)
      })

      for (const decoder of ['rnnt', 'ctc'] as const) {
        it(`gives NeMo's ${decoder} tokens and texts after every step, at every look-ahead`, async () => {
          const runs = Object.entries(golden.lookaheads).filter(
            ([, r]) => r.listed_in_config && !r.pad_and_drop_preencoded,
          )
          expect(runs.length).to.be.above(0)
          for (const [attCtx, run] of runs) await compareRun(attCtx, run, decoder)
        })
      }

      async function compareRun(attCtx: string, run: GoldenRun, decoder: Decoder) {
        const recogniser = await StreamingRecogniser.open(modelDir, { keepEncoded: true })
        const results: StepRowResult[] = []
        const texts: string[] = []
        const stream = recogniser.stream({
          attCtx,
          decoder,
          onStep: (s, result) => {
            results.push(result)
            texts.push(s.text)
          },
        })
        for (let i = 0, n = 1; i < pcm.length; i += n, n = ((n * 7919) % 4001) + 1) {
          stream.push(pcm.subarray(i, i + n))
          await recogniser.stepAll()
        }
        stream.finish()
        await recogniser.stepAll()
        await recogniser.close()

        expect(results.length, `${attCtx} steps`).to.equal(run.steps.length)
        const mel = melDifference(join(goldens, 'golden', golden.features.file), run, results)
        const encoder = encoderDifference(join(goldens, 'golden', run.file), results)
        process.stderr.write(
          `      ${name} ${attCtx} ${decoder}: largest difference log-mel ${mel.toExponential(1)}, encoder ${encoder.toExponential(1)}\n`,
        )
        expect(mel, `${attCtx} log-mel`).to.be.at.most(MEL_DIFFERENCE_MAX)
        expect(encoder, `${attCtx} encoder`).to.be.at.most(ENCODER_DIFFERENCE_MAX)
        const labels: number[] = []
        const heard: number[] = []
        for (const [k, step] of run.steps.entries()) {
          const at = `${attCtx} step ${k}`
          labels.push(...step.ctc_argmax)
          heard.push(...results[k]!.tokens)
          if (decoder === 'ctc') expect(heard, at).to.deep.equal(collapsed(labels, recogniser.manifest.blank))
          expect(results[k]!.outputs, at).to.equal(step.encoded_len)
          expect(texts[k], at).to.equal(decoder === 'rnnt' ? step.rnnt_text : step.ctc_text)
          if (decoder === 'rnnt') expect(results[k]!.tokens, at).to.deep.equal(step.rnnt_tokens)
        }
        const stored = readSafetensors(join(goldens, 'golden', run.file))
        if (decoder === 'rnnt') {
          expect(stream.tokens, attCtx).to.deep.equal(numbers(stored.get('rnnt.tokens')!.values))
          expect(
            results.flatMap((r) => r.frames),
            attCtx,
          ).to.deep.equal(numbers(stored.get('rnnt.frames')!.values))
        } else {
          expect(stream.tokens, attCtx).to.deep.equal(
            collapsed(numbers(stored.get('ctc.argmax')!.values), recogniser.manifest.blank),
          )
        }
      }
    })
  }

  it("gives NeMo's answer at every edge of a short turn", async function () {
    const goldens = sharedDir(this, 'goldens')
    const pcm = pcmOf(join(goldens, 'golden/input.pcm'))
    const { cases } = JSON.parse(readFileSync(join(goldens, 'golden/short.json'), 'utf8')) as { cases: ShortCase[] }
    expect(cases.length).to.be.above(0)
    const modelDir = join(work, 'tiny-short')
    await compileNemo(join(goldens, 'tiny.nemo'), modelDir)
    const recogniser = await StreamingRecogniser.open(modelDir)
    for (const c of cases) {
      for (const decoder of ['rnnt', 'ctc'] as const) {
        const outputs: number[] = []
        const stream = recogniser.stream({ attCtx: c.att_ctx, decoder, onStep: (_, r) => outputs.push(r.outputs) })
        stream.push(pcm.subarray(c.start, c.start + c.samples))
        stream.finish()
        await recogniser.stepAll()
        const at = `${c.att_ctx} ${c.samples} samples ${decoder}`
        expect(outputs, at).to.deep.equal(c.encoded_len)
        expect(stream.text, at).to.equal(decoder === 'rnnt' ? c.rnnt_text : c.ctc_text)
        expect(stream.tokens, at).to.deep.equal(c[decoder])
        stream.close()
      }
    }
    await recogniser.close()
  })
})

function pcmOf(path: string): Int16Array {
  const bytes = readFileSync(path)
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

function numbers(values: ArrayLike<number> | ArrayLike<bigint>): number[] {
  return Array.from(values as ArrayLike<number>, Number)
}

function collapsed(labels: number[], blank: number): number[] {
  return labels.filter((label, i) => label !== labels[i - 1] && label !== blank)
}

/** Each step's new mel frames against NeMo's [80, frames]; the first step's window begins 7 frames before the turn. */
function melDifference(file: string, run: GoldenRun, results: readonly StepRowResult[]): number {
  const { shape, values } = readSafetensors(file).get('mel')!
  const [mels, frames] = shape as [number, number]
  let worst = 0
  for (const [k, step] of run.steps.entries()) {
    const lead = k === 0 ? 7 : 0
    for (let i = 0; i < step.mel_new; i++) {
      for (let m = 0; m < mels; m++) {
        const mine = results[k]!.logMel![(lead + i) * mels + m]!
        const nemo = (values as Float32Array)[m * frames + step.mel_start + i]!
        worst = Math.max(worst, Math.abs(mine - nemo))
      }
    }
  }
  return worst
}

/** All encoder frames against NeMo's [D, frames]. */
function encoderDifference(file: string, results: readonly StepRowResult[]): number {
  const { shape, values } = readSafetensors(file).get('encoded')!
  const [d, frames] = shape as [number, number]
  let worst = 0
  let at = 0
  for (const { encoded, outputs } of results) {
    for (let i = 0; i < outputs; i++, at++) {
      for (let c = 0; c < d; c++)
        worst = Math.max(worst, Math.abs(encoded![i * d + c]! - (values as Float32Array)[c * frames + at]!))
    }
  }
  expect(at, 'encoder frames').to.equal(frames)
  return worst
}
