/**
 * A .nemo archive: configuration, tokenizer, checkpoint.
 *
 *   X.nemo (tar, plain or gzip)
 *     model_config.yaml ........ config; its tokenizer.model_path names the member below
 *     <hex>_tokenizer.model .... pieces
 *     model_weights.ckpt ....... checkpoint, left in the file and read tensor by tensor
 */
import { basename } from 'node:path'
import { parse } from 'yaml'
import { ModelError } from '../model-error.js'
import type { ByteSource } from './byte-source.js'
import { TorchCheckpoint, type Checkpoint } from './checkpoint.js'
import { readTokenizer } from './sentencepiece.js'
import { openTar, type TarMembers } from './tar-members.js'

const CONFIG = 'model_config.yaml'
const CHECKPOINT = 'model_weights.ckpt'
/** Configurations have some 10 kB, tokenizers 250 kB; both are held whole. */
const SMALL_MEMBER_BYTES_MAX = 32 * 2 ** 20

export interface NemoArchive {
  readonly path: string
  /** model_config.yaml as plain values. */
  readonly config: Record<string, unknown>
  /** The SentencePiece file, as it is. */
  readonly tokenizerModel: Uint8Array
  /** Pieces by token id. */
  readonly pieces: string[]
  /** See Tokenizer. */
  readonly trimsStart: boolean
  readonly checkpoint: Checkpoint
  /** Closes the file; the checkpoint cannot be read after. */
  close(): Promise<void>
}

export interface OpenNemoOptions {
  /** Where a gzipped archive is inflated to; default: the system's temporary folder. Needs room for all of it. */
  workDir?: string
}

/** Opens an archive. Throws ModelError, one line that begins with the path; nothing is left open or on disk then. */
export async function openNemo(path: string, options: OpenNemoOptions = {}): Promise<NemoArchive> {
  let tar: TarMembers | undefined
  try {
    tar = await openTar(path, options.workDir)
    return await readArchive(path, tar)
  } catch (error) {
    await tar?.close()
    if (error instanceof ModelError) throw new ModelError(error.code, `${path}: ${error.message}`, { cause: error })
    throw error
  }
}

async function readArchive(path: string, tar: TarMembers): Promise<NemoArchive> {
  const byName = (name: string): ByteSource => {
    const found = tar.members.get(name) ?? onlyMember(tar, (member) => basename(member) === name)
    if (!found) throw new ModelError('bad_archive', `member ${name} is missing`)
    return found
  }
  const config = parseConfig(await readSmall(byName(CONFIG), CONFIG))
  const tokenizerModel = await readSmall(tokenizerMember(tar, config), 'the tokenizer model')
  const { pieces, trimsStart } = readTokenizer(tokenizerModel)
  requireVocabulary(config, pieces.length)
  const checkpoint = await TorchCheckpoint.open(byName(CHECKPOINT))
  const close = async () => {
    checkpoint.close()
    await tar.close()
  }
  return { path, config, tokenizerModel, pieces, trimsStart, checkpoint, close }
}

function onlyMember(tar: TarMembers, matches: (name: string) => boolean): ByteSource | undefined {
  const names = [...tar.members.keys()].filter(matches)
  return names.length === 1 ? tar.members.get(names[0]!) : undefined
}

async function readSmall(member: ByteSource, name: string): Promise<Uint8Array> {
  if (member.length <= SMALL_MEMBER_BYTES_MAX) return member.read(0, member.length)
  throw new ModelError('bad_archive', `${name} has ${member.length} bytes; at most ${SMALL_MEMBER_BYTES_MAX} are read`)
}

function parseConfig(bytes: Uint8Array): Record<string, unknown> {
  let config: unknown
  try {
    config = parse(Buffer.from(bytes).toString('utf8'), { logLevel: 'error', prettyErrors: false })
  } catch (error) {
    const [line] = (error as Error).message.split('\n')
    throw new ModelError('bad_archive', `${CONFIG} is not YAML: ${line}`, { cause: error })
  }
  if (isRecord(config)) return config
  throw new ModelError('bad_archive', `${CONFIG} holds no settings`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member that the configuration names, or else the only one that can be meant. */
function tokenizerMember(tar: TarMembers, config: Record<string, unknown>): ByteSource {
  const tokenizer = isRecord(config.tokenizer) ? config.tokenizer : {}
  const { type = 'bpe', model_path: modelPath } = tokenizer
  if (type !== 'bpe') throw new ModelError('unsupported', `tokenizer.type: ${String(type)} is not supported; bpe is`)
  const named = typeof modelPath === 'string' ? modelPath.replace(/^nemo:/, '').replace(/^(\.\/)+/, '') : undefined
  const found = (named && tar.members.get(named)) || onlyMember(tar, (name) => name.endsWith('tokenizer.model'))
  if (found) return found
  throw new ModelError('bad_archive', named ? `member ${named} is missing` : 'there is no tokenizer.model in it')
}

/** Every count of the vocabulary that the configuration has must be the tokenizer's: else tokens would mean other words. */
function requireVocabulary(config: Record<string, unknown>, pieceCount: number): void {
  const at = (...path: string[]): unknown =>
    path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), config)
  const counts: [string, unknown][] = [
    ['joint.num_classes', at('joint', 'num_classes')],
    ['decoder.vocab_size', at('decoder', 'vocab_size')],
    ['aux_ctc.decoder.num_classes', at('aux_ctc', 'decoder', 'num_classes')],
    ['joint.vocabulary', lengthOf(at('joint', 'vocabulary'))],
    ['aux_ctc.decoder.vocabulary', lengthOf(at('aux_ctc', 'decoder', 'vocabulary'))],
  ]
  for (const [name, count] of counts) {
    // -1 and an empty list mean "as the tokenizer has it".
    if (typeof count !== 'number' || count <= 0 || count === pieceCount) continue
    throw new ModelError('bad_model', `the tokenizer has ${pieceCount} pieces, but ${name} in ${CONFIG} says ${count}`)
  }
}

function lengthOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined
}
