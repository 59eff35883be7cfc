/** The `yap` command: one file a command in ./commands, each with its own --help. */
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { UsageError } from './usage-error.js'

/** Registers one command on the program. */
export type Register = (program: Command) => void

const { version: VERSION } = createRequire(import.meta.url)('../package.json') as { version: string }

export { UsageError }

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('yap')
    .description('Streaming speech-to-text for many live speakers at once.')
    .version(VERSION, '--version', 'print the version')
    .showHelpAfterError('(run with --help for usage)')
    .exitOverride()
  const { commands } = await import('./commands/index.js')
  // Help, and a word that is no command, need them all.
  const wanted = commands.filter(({ name }) => name === argv[2])
  for (const command of wanted.length ? wanted : commands) (await command.load())(program)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    process.exitCode = exitCodeOf(error)
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`yap: ${message}\n`)
  if (process.env.YAP_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return error instanceof UsageError ? 2 : 1
}
