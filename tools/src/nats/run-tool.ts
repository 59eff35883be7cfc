/** Runs a program that may be absent, silent or stuck, and says in one line how it went wrong. */
import { spawn } from 'node:child_process'

/** A tool's outcome in one line, fit to follow "could not …: ". */
export class ToolError extends Error {}

export interface ToolOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  timeoutMs: number
}

/** Runs to the end and returns stdout. Throws ToolError: not installed, failed (last line of stderr), or longer than timeoutMs. */
export function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeoutMs)
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(new ToolError(error.code === 'ENOENT' ? `${command} is not installed` : `${command}: ${error.message}`))
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      if (timedOut) reject(new ToolError(`${command} took longer than ${options.timeoutMs / 1000} s`))
      else if (code !== 0)
        reject(new ToolError(`${command} failed: ${lastLine(stderr) || lastLine(stdout) || `exit code ${code}`}`))
      else resolve(stdout)
    })
  })
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? ''
}
