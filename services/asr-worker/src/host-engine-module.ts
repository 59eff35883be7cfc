/** The engine that runs by default: onnxruntime-node, on the CPU. */
import { HostEngine } from '@yap/model'
import type { CreateEngine } from './engine-messages.js'

export const createEngine: CreateEngine = async ({ device, ...options }) => {
  if (device.startsWith('cuda'))
    throw new Error(`ASR_DEVICE=${device}: this engine runs on the CPU; set ASR_DEVICE=cpu or auto`)
  return HostEngine.create(options)
}
