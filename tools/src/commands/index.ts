/**
 * Every command of `yap`, in the order in which --help lists them. Each is loaded only when it is the one that runs: the
 * supervisor has no use for the libraries of `yap transcribe`, neither for their memory nor for the time to load them.
 */
import type { Register } from '../cli.js'

export interface CommandEntry {
  name: string
  load(): Promise<Register>
}

export const commands: readonly CommandEntry[] = [
  { name: 'start', load: async () => (await import('./start.js')).registerStart },
  { name: 'status', load: async () => (await import('./status.js')).registerStatus },
  { name: 'transcribe', load: async () => (await import('./transcribe.js')).registerTranscribe },
  { name: 'client', load: async () => (await import('./client.js')).registerClient },
  { name: 'warmup', load: async () => (await import('./warmup.js')).registerWarmup },
  { name: 'bench', load: async () => (await import('./bench.js')).registerBench },
  { name: 'model', load: async () => (await import('./model.js')).registerModel },
]
