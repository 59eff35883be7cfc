/** One JSON line a run in bench/results/<lane>.jsonl, so that figures can be compared over time. */
import { spawnSync } from 'node:child_process'
import { appendFile, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const repositoryDir = fileURLToPath(new URL('../../../', import.meta.url))
const resultsDir = join(repositoryDir, 'bench', 'results')

export interface LaneResult {
  lane: string
  /** What was measured: numbers and short texts. */
  [figure: string]: unknown
}

export async function appendResult(result: LaneResult): Promise<string> {
  await mkdir(resultsDir, { recursive: true })
  const file = join(resultsDir, `${result.lane}.jsonl`)
  await appendFile(file, `${JSON.stringify({ at: new Date().toISOString(), ...circumstances(), ...result })}\n`)
  return file
}

function circumstances() {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: repositoryDir, encoding: 'utf8' })
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return {
    commit: git.status === 0 ? git.stdout.trim() : 'unknown',
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    node: process.version,
    onnxruntime: version,
  }
}
