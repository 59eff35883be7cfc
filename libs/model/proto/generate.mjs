/** Generates src/gen/*.ts from the .proto files in this folder (`npm run gen`). Needs protoc; the result is checked in. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const out = fileURLToPath(new URL('../src/gen', import.meta.url))
const plugin = fileURLToPath(new URL('../../../node_modules/.bin/protoc-gen-ts_proto', import.meta.url))

// No services, no JSON, no `enum` (not erasable), and 64-bit fields as bigint: ONNX dimensions may pass 2^53 in theory.
const options = [
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.js',
  'forceLong=bigint',
  'enumsAsLiterals=true',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
  'outputServices=none',
  'useExactTypes=false',
  'removeEnumPrefix=true',
]

mkdirSync(out, { recursive: true })
const protos = readdirSync(here).filter((name) => name.endsWith('.proto'))
const args = [`--plugin=protoc-gen-ts_proto=${plugin}`, `--ts_proto_out=${out}`, `--ts_proto_opt=${options.join(',')}`]
const done = spawnSync('protoc', [...args, `--proto_path=${here}`, ...protos], { stdio: 'inherit' })
if (done.error) {
  process.stderr.write(`protoc did not start (${done.error.message}); install the package protobuf-compiler\n`)
  process.exit(1)
}
process.exit(done.status ?? 1)
