/** Loads a module of the web page, which is plain JavaScript and outside of the compiler's sight; `T` says what it exports. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryDir } from '../../../../support/shared-dir.js'

export async function webModule<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(repositoryDir, 'services/edge/web', name)).href)) as T
}
