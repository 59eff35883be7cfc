/**
 * From what a person names to a compiled model directory: a directory, a .nemo file, the demo model, or a fetched one.
 *
 * An archive is compiled on first use into YAP_HOME/compiled, under a name made of the file (path, size, time) and of the
 * compiler itself, so neither a new archive nor a new version of Yap ever runs an old graph.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileNemo, type CompileOptions } from './compile-nemo.js'
import { loadManifest, MANIFEST_FILE } from './manifest.js'
import { ModelError } from './model-error.js'
import { DEMO_MODEL, demoArchive, hubModelDir, yapHome } from './model-home.js'

/** Models that NVIDIA publishes of this family; `org/` may be left out. */
export const KNOWN_MODELS = [
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_multi',
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_80ms',
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_480ms',
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_1040ms',
  'nvidia/stt_en_fastconformer_hybrid_medium_streaming_80ms',
  'nvidia/stt_en_fastconformer_hybrid_medium_streaming_80ms_pc',
] as const

const DEMO_LICENCE = 'CC-BY-SA-4.0'

/** `org/name` of a hub model, from its name with or without org; undefined for what is not a name of one. */
export function hubModelId(name: string): string | undefined {
  const known = KNOWN_MODELS.find((id) => id === name || id.endsWith(`/${name}`))
  if (known) return known
  return /^[\w.-]+\/[\w.-]+$/.test(name) && !name.endsWith('.nemo') && !name.startsWith('.') ? name : undefined
}

/**
 * @param model a model directory, a .nemo file, "demo-digits-en", or a name that `yap model fetch` was given
 * @returns the compiled model's directory
 * @throws ModelError `not_found` saying what would help
 */
export async function resolveModel(model: string, options: Pick<CompileOptions, 'onProgress'> = {}): Promise<string> {
  const there = await stat(model).catch(() => undefined)
  if (there?.isDirectory() && (await stat(join(model, MANIFEST_FILE)).catch(() => undefined))) return model
  if (there?.isFile()) return compiledOf(model, options)
  if (model === DEMO_MODEL) return compiledOf(demoArchive(), { ...options, name: DEMO_MODEL, licence: DEMO_LICENCE })
  const id = hubModelId(model)
  if (id) {
    const dir = hubModelDir(id)
    if (await stat(join(dir, MANIFEST_FILE)).catch(() => undefined)) return dir
    throw new ModelError('not_found', `model ${id} is not on this machine; fetch it with: yap model fetch ${id}`)
  }
  if (there?.isDirectory())
    throw new ModelError('not_found', `${model} is not a compiled model: it has no ${MANIFEST_FILE}`)
  throw new ModelError(
    'not_found',
    `there is no model "${model}"; name a model directory, a .nemo file, ${DEMO_MODEL}, or one that yap model fetch has brought`,
  )
}

async function compiledOf(archive: string, options: CompileOptions): Promise<string> {
  const path = await realpath(archive).catch(() => {
    throw new ModelError('not_found', `${archive} is not there`)
  })
  const { size, mtimeMs } = await stat(path)
  const key = createHash('sha256').update(`${path}\n${size}\n${mtimeMs}\n${compilerHash()}`).digest('hex').slice(0, 16)
  const dir = join(yapHome(), 'compiled', `${basename(path).replace(/\.nemo$/, '')}-${key}`)
  const whole = await loadManifest(dir).catch(() => undefined)
  if (!whole) await compileNemo(path, dir, { ...options, keepExisting: true })
  return dir
}

let compiler: string | undefined

/** Of the modules that decide what a compiled model contains. */
function compilerHash(): string {
  if (compiler) return compiler
  const here = fileURLToPath(new URL('.', import.meta.url))
  const files = ['compile-nemo.js', 'manifest.js', 'model-shape.js', 'look-ahead.js']
  for (const folder of ['graph', 'nemo', 'onnx']) {
    for (const name of readdirSync(join(here, folder)).sort()) if (name.endsWith('.js')) files.push(join(folder, name))
  }
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(here, file)))
  return (compiler = hash.digest('hex'))
}
