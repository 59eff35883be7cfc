/** `yap model random`: a model of a published one's sizes with random weights, for work on speed. */
import { InvalidArgumentError, type Command } from 'commander'
import { makeRandomModel, type Architecture } from '@yap/model'
import { startProgress } from '../progress.js'
import { tidyOnSignal } from './tidy-on-signal.js'

interface RandomFlags {
  like: string
  seed: number
  out: string
  nemo?: string
  layers?: number
  rate: number
  json?: boolean
}

export function registerModelRandom(group: Command): void {
  group
    .command('random')
    .description(
      "make a model of a published one's exact sizes with random weights: it says nothing sensible, at full cost",
    )
    .requiredOption('--like <name>', 'the model whose sizes to take; "tiny" for tests')
    .option('--seed <number>', 'the same seed gives the same model', wholeNumber, 1)
    .requiredOption('--out <dir>', 'the model directory to make')
    .option('--nemo <file>', 'also write it as an archive that NeMo loads')
    .option('--layers <number>', 'another number of layers', wholeNumberAbove0)
    .option('--rate <number>', 'tokens a frame of 80 ms that it shall emit', shareNumber, 0.3)
    .option('--json', 'print one JSON object')
    .action(async ({ like, seed, out, nemo, layers, rate, json }: RandomFlags) => {
      tidyOnSignal()
      const progress = startProgress(`random model like ${like}`)
      const sizes: Partial<Architecture> = layers === undefined ? {} : { layers }
      // Weights are drawn and compiled twice: before the calibration and after it.
      let round = 0
      const onProgress = (what: string, done: number, total: number) => {
        if (what === 'calibrating') round = 1
        else progress.update(50 * round + (what === 'compiling' ? 25 : 0) + (25 * done) / total, 100)
      }
      const made = await makeRandomModel({ like, seed, outDir: out, nemoPath: nemo, sizes, rate, onProgress }).finally(
        () => progress.stop(),
      )
      const { manifest, liveliness } = made
      const { parameters, hash } = manifest
      if (json) {
        process.stdout.write(`${JSON.stringify({ out, hash, parameters, liveliness })}\n`)
        return
      }
      process.stdout.write(`${out}: ${(parameters / 1e6).toFixed(2)} M random parameters\n`)
      for (const { lookAhead, tokensPerFrame, burst } of liveliness) {
        process.stdout.write(`  ${lookAhead}: ${tokensPerFrame.toFixed(2)} tokens a frame, at most ${burst} on one\n`)
      }
    })
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError('a whole number is needed.')
}

function wholeNumberAbove0(text: string): number {
  const value = wholeNumber(text)
  if (value > 0) return value
  throw new InvalidArgumentError('a whole number above 0 is needed.')
}

function shareNumber(text: string): number {
  const value = Number(text)
  if (value > 0 && value < 5) return value
  throw new InvalidArgumentError('a number between 0 and 5 is needed.')
}
