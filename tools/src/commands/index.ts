/** Every command of `yap`, in the order in which --help lists them. */
import type { Register } from '../cli.js'
import { registerBench } from './bench.js'
import { registerClient } from './client.js'
import { registerModel } from './model.js'
import { registerTranscribe } from './transcribe.js'
import { registerStart } from './start.js'
import { registerWarmup } from './warmup.js'

export const commands: readonly Register[] = [registerTranscribe, registerClient, registerWarmup, registerBench, registerModel]
