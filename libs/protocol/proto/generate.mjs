/** Generates src/gen from the .proto files: `npm run gen`. Needs protoc (Debian: protobuf-compiler); the result is checked in. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const plugin = fileURLToPath(new URL('../../../node_modules/.bin/protoc-gen-ts_proto', import.meta.url))
const options = [
  'outputServices=grpc-js',
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.js',
  'enumsAsLiterals=true', // enums cannot be erased
  'stringEnums=true',
  'unrecognizedEnum=false',
  'outputJsonMethods=false',
  'useExactTypes=false',
  'forceLong=number',
]
const done = spawnSync(
  'protoc',
  [
    `--plugin=${plugin}`,
    `--ts_proto_out=${here}../src/gen`,
    `--ts_proto_opt=${options.join(',')}`,
    `-I${here}`,
    'router.proto',
    'worker.proto',
  ],
  { stdio: 'inherit' },
)
if (done.error) process.stderr.write(`protoc could not be run (${done.error.message}); install protobuf-compiler\n`)
process.exit(done.status ?? 1)
