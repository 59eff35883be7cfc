/** Writes a .nemo archive that NeMo restores and that openNemo reads: a plain tar, one tensor in memory at a time. */
import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack, type Pack } from 'tar-stream'
import { stringify } from 'yaml'
import { ModelError } from '../model-error.js'
import { whileUnfinished } from '../unfinished.js'
import { checkpointStream, type NamedTensor } from './torch-zip-writer.js'

export interface NemoContent {
  /** model_config.yaml; `tokenizer` is set here to name the members that are written. */
  readonly config: object
  readonly tokenizerModel: Uint8Array
  readonly pieces: readonly string[]
  readonly tensors: Iterable<NamedTensor>
}

/** Tensors leave in pieces of this size, so that no copy of a whole one waits in a pipe. */
const CHUNK_BYTES = 1 << 20

/** Writes to a name beside `path`, then renames: `path` is whole or absent. Throws ModelError 'disk' when it cannot. */
export async function writeNemo(path: string, content: NemoContent): Promise<void> {
  const part = `${path}.part-${randomBytes(4).toString('hex')}`
  try {
    await whileUnfinished(part, async () => {
      await stream(part, content)
      await rename(part, path)
    })
  } catch (error) {
    if (error instanceof ModelError) throw error
    throw new ModelError('disk', `cannot write ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** Both ends run at once; when one fails, it takes the other down, and the first cause is thrown after both are over. */
async function stream(part: string, content: NemoContent): Promise<void> {
  const tar = pack()
  const failures: Error[] = []
  const note = (error: Error) => {
    failures.push(error)
    tar.destroy(error)
  }
  tar.on('error', note)
  const written = pipeline(Readable.from(tar), createWriteStream(part, { flags: 'wx' }))
  await Promise.all([written.catch(note), addMembers(tar, content).catch(note)])
  if (failures.length > 0) throw failures[0]
}

async function addMembers(tar: Pack, content: NemoContent): Promise<void> {
  const { pieces, tokenizerModel } = content
  const vocabText = pieces.slice(1).map(wordPiece).join('\n') + '\n'
  const scoreText = pieces.map((piece, id) => `${piece}\t${id === 0 ? 0 : 1 - id}\n`).join('')
  const model = named('tokenizer.model', tokenizerModel)
  const vocab = named('vocab.txt', Buffer.from(vocabText))
  const scores = named('tokenizer.vocab', Buffer.from(scoreText))
  const tokenizer = {
    dir: null,
    type: 'bpe',
    model_path: `nemo:${model.name}`,
    vocab_path: `nemo:${vocab.name}`,
    spe_tokenizer_vocab: `nemo:${scores.name}`,
  }
  // YAML 1.1 quotes what NeMo's reader would take for a boolean: the tokens on, no, y.
  const yaml = stringify(
    { ...content.config, tokenizer },
    { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 },
  )
  for (const { name, bytes } of [{ name: 'model_config.yaml', bytes: Buffer.from(yaml) }, model, vocab, scores]) {
    await addMember(tar, name, bytes.length, [bytes])
  }
  const checkpoint = checkpointStream([...content.tensors])
  await addMember(tar, 'model_weights.ckpt', checkpoint.bytes, checkpoint.chunks())
  tar.finalize()
}

async function addMember(tar: Pack, name: string, size: number, chunks: Iterable<Uint8Array>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // A fixed date: the same content gives the same archive.
    const entry = tar.entry({ name: `./${name}`, size, mode: 0o644, mtime: new Date(0) }, (error) =>
      error ? reject(error) : resolve(),
    )
    entry.on('error', reject)
    entry.on('close', () => reject(new Error('the archive was closed while it was written')))
    const feed = async () => {
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
          const fits = entry.write(chunk.subarray(at, at + CHUNK_BYTES))
          if (!fits) await new Promise((drained) => entry.once('drain', () => drained(undefined)))
        }
      }
      entry.end(undefined)
    }
    feed().catch(reject)
  })
}

/** A member's name as NeMo makes them: 32 hex digits before it. Of the content here, so that equal archives are equal. */
function named(suffix: string, bytes: Uint8Array): { name: string; bytes: Uint8Array } {
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 32)
  return { name: `${digest}_${suffix}`, bytes }
}

/** vocab.txt marks pieces that go on a word with ##, and beginnings not at all. */
function wordPiece(piece: string): string {
  return piece.startsWith('\u2581') && piece.length > 1 ? piece.slice(1) : `##${piece}`
}
