/** `yap model compile`: a .nemo archive to a model directory. */
import type { Command } from 'commander'
import { compileNemo } from '@yap/model'
import { startProgress } from '../progress.js'
import { tidyOnSignal } from './tidy-on-signal.js'

interface CompileFlags {
  out: string
  name?: string
  source?: string
  licence?: string
  json?: boolean
}

export function registerModelCompile(group: Command): void {
  group
    .command('compile')
    .description('compile a .nemo archive to a model directory (graphs, weights, model.json)')
    .argument('<archive>', 'the .nemo file')
    .requiredOption('--out <dir>', 'the directory to make; an older compiled model there is replaced')
    .option('--name <name>', 'name of the model (default: that of the file)')
    .option('--source <text>', 'where the archive came from, noted in model.json')
    .option('--licence <text>', 'licence of the weights, noted in model.json')
    .option('--json', 'print one JSON object')
    .action(async (archive: string, { out, json, ...options }: CompileFlags) => {
      tidyOnSignal()
      const started = performance.now()
      const progress = startProgress('compiling')
      const onProgress = (done: number, total: number) => progress.update(done, total)
      const manifest = await compileNemo(archive, out, { ...options, onProgress }).finally(() => progress.stop())
      const seconds = (performance.now() - started) / 1000
      const { name, hash, parameters, lookAheads } = manifest
      if (json) {
        const summary = { out, name, hash, parameters, look_aheads: lookAheads.map((l) => l.name), seconds }
        process.stdout.write(`${JSON.stringify(summary)}\n`)
        return
      }
      const size = `${(parameters / 1e6).toFixed(2)} M parameters, look-aheads ${lookAheads.map((l) => l.name).join(' ')}`
      process.stdout.write(`${out}: ${name}, ${size}, compiled in ${seconds.toFixed(1)} s\n`)
    })
}
