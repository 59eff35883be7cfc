/** Every command of `yap`, in the order in which --help lists them. */
import type { Register } from '../cli.js'

export const commands: readonly Register[] = []
