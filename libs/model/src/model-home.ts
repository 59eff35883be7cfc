/** Where models lie on this machine: YAP_HOME (default ~/.cache/yap), and the demo model in this repository. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The model where no other is named: English digits, shipped with Yap. */
export const DEMO_MODEL = 'demo-digits-en'

export function yapHome(): string {
  return process.env.YAP_HOME || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'yap')
}

/** Folder of a model fetched from a hub, by its `org/name`. */
export function hubModelFolder(id: string): string {
  return join(yapHome(), 'models', id.replace('/', '--'))
}

/** The compiled model inside that folder. */
export function hubModelDir(id: string): string {
  return join(hubModelFolder(id), 'model')
}

export function demoArchive(): string {
  return fileURLToPath(new URL(`../../../models/${DEMO_MODEL}/${DEMO_MODEL}.nemo`, import.meta.url))
}
