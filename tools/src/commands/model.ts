/** `yap model ...`: the group; each subcommand is a file of its own. */
import type { Command } from 'commander'
import { registerModelCompile } from './model-compile.js'
import { registerModelFetch } from './model-fetch.js'
import { registerModelInspect } from './model-inspect.js'
import { registerModelRandom } from './model-random.js'

export function registerModel(program: Command): void {
  const group = program.command('model').description('inspect, compile and fetch models')
  for (const register of [registerModelInspect, registerModelCompile, registerModelFetch, registerModelRandom]) {
    register(group)
  }
}
