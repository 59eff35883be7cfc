/** `yap model fetch`: a published model by its name, downloaded, checked and compiled. */
import type { Command } from 'commander'
import { fetchModel, KNOWN_MODELS, type FetchPhase } from '@yap/model'
import { startProgress, type Progress } from '../progress.js'
import { tidyOnSignal } from './tidy-on-signal.js'

interface FetchFlags {
  revision: string
  force?: boolean
  json?: boolean
}

const PHASES: Record<FetchPhase, string> = { download: 'downloading', check: 'checking', compile: 'compiling' }

const HELP = `
Models of NVIDIA's streaming family ("nvidia/" may be left out):
${KNOWN_MODELS.map((id) => `  ${id}`).join('\n')}

Settings:
  HF_ENDPOINT  the hub to fetch from (default: the public one)
  HF_TOKEN     your token, for models that need one
  YAP_HOME     where models are kept (default: ~/.cache/yap)

A download that broke off goes on where it stopped when the command is given again.`

export function registerModelFetch(group: Command): void {
  group
    .command('fetch')
    .description('download a published model, check it, and compile it')
    .argument('<name>', 'org/name on the hub, or the short name of an NVIDIA model')
    .option('--revision <revision>', 'branch, tag or commit', 'main')
    .option('--force', 'fetch and compile even where the model is there')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (name: string, { json, ...options }: FetchFlags) => {
      tidyOnSignal()
      const started = performance.now()
      const phases = new Phases()
      const onNote = (text: string) => phases.say(text)
      const onRetry = (reason: string, waitMs: number) =>
        phases.say(`${reason}; again in ${(waitMs / 1000).toFixed(1)} s`)
      const onProgress = (phase: FetchPhase, done: number, total: number) => phases.update(phase, done, total)
      const fetched = await fetchModel(name, { ...options, onProgress, onRetry, onNote }).finally(() => phases.stop())
      const seconds = (performance.now() - started) / 1000
      const { id, dir, present, manifest } = fetched
      if (json) {
        process.stdout.write(`${JSON.stringify({ id, dir, hash: manifest.hash, present, seconds })}\n`)
        return
      }
      const what = present ? 'is there already (--force fetches it again)' : `is ready, after ${seconds.toFixed(1)} s`
      process.stdout.write(`${dir}: ${id} ${what}\nuse it with: --model ${id}\n`)
    })
}

/** One progress display at a time, for the phase that runs. */
class Phases {
  #phase: FetchPhase | undefined
  #progress: Progress | undefined

  update(phase: FetchPhase, done: number, total: number): void {
    if (phase !== this.#phase) {
      this.stop()
      this.#progress = startProgress(PHASES[phase])
      this.#phase = phase
    }
    this.#progress?.update(done, total)
  }

  say(text: string): void {
    this.stop()
    process.stderr.write(`yap: ${text}\n`)
  }

  stop(): void {
    this.#progress?.stop()
    this.#progress = undefined
    this.#phase = undefined
  }
}
