/** Settings from the environment: checked whole, every problem listed at once, unknown names refused with a suggestion. */
import { crossChecks, SETTINGS, type SettingName, type Settings } from './settings.js'

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`settings are wrong:\n${problems.map((p) => `  - ${p}`).join('\n')}`)
    this.problems = problems
  }
}

const NAMES = Object.keys(SETTINGS) as SettingName[]

/** All settings; throws one ConfigError with every problem. An empty value counts as not set. */
export function loadConfig(env: NodeJS.ProcessEnv): Settings {
  const problems = unknownNames(env)
  const values: Record<string, unknown> = {}
  for (const name of NAMES) {
    const declaration = SETTINGS[name]
    const given = env[name] === undefined || env[name] === '' ? declaration.default : env[name]
    const parsed = declaration.schema.safeParse(given)
    if (parsed.success) values[name] = parsed.data
    else problems.push(`${name}=${shown(name, given)}: ${parsed.error.issues[0]?.message ?? 'is wrong'}`)
  }
  // Pairs can be judged only where each of them is right by itself.
  if (problems.length === 0) problems.push(...crossChecks(values as unknown as Settings))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(values) as unknown as Settings
}

function shown(name: SettingName, value: string | undefined): string {
  return SETTINGS[name].secret ? '(hidden)' : JSON.stringify(value ?? '')
}

function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const unknown = Object.keys(env).filter((name) => /^(ASR|YAP)_/.test(name) && !(name in SETTINGS))
  return unknown.map((name) => {
    const near = nearest(name)
    return `${name} is not a setting${near ? `; did you mean ${near}?` : ' (--config-docs lists them)'}`
  })
}

/** The setting whose name takes the fewest edits, if they are few. */
function nearest(name: string): string | undefined {
  let best: string | undefined
  let bestEdits = 5
  for (const candidate of NAMES) {
    const edits = editDistance(name, candidate)
    if (edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(same, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** The table of docs/OPERATIONS.md. */
export function configDocs(): string {
  const lines = ['| setting | default | range | read by | what it does |', '|---|---|---|---|---|']
  for (const name of NAMES) {
    const d = SETTINGS[name]
    const unit = d.unit ? ` ${d.unit}` : ''
    lines.push(
      `| \`${name}\` | ${d.default ? `\`${d.default}\`${unit}` : '–'} | ${d.range}${unit} | ${d.readBy.join(', ')} | ${d.doc.replaceAll('|', '\\|')} |`,
    )
  }
  return lines.join('\n') + '\n'
}

/**
 * Answers `--check-config` and `--config-docs`; returns the settings otherwise. Wrong settings end the process with code 1
 * and one list of problems.
 */
export function configFromCommandLine(
  argv: readonly string[] = process.argv.slice(2),
  env: NodeJS.ProcessEnv = process.env,
): Settings {
  if (argv.includes('--config-docs')) {
    process.stdout.write(configDocs())
    process.exit(0)
  }
  try {
    const settings = loadConfig(env)
    if (argv.includes('--check-config')) {
      process.stdout.write('settings are right\n')
      process.exit(0)
    }
    return settings
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
