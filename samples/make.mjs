/**
 * Makes the samples in this folder again, and their transcripts.
 *
 *   apt-get install flite espeak-ng && npm run build && node samples/make.mjs
 *
 * Each phrase is spoken by one synthesiser, brought to 16 kHz mono, set to one loudness, and joined to the others with
 * pauses. A faint hiss lies under it all: no microphone gives digital silence. Its noise is seeded, so the same engines
 * make the same files.
 */
import { encodeWav, readWav, resample } from '@yap/audio'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const sampleRateHz = 16_000
const leadMs = 400
const pauseMs = 700
const loudnessRms = 2200
const hissRms = 12

const voices = {
  'flite slt': (text, path) => execFileSync('flite', ['-voice', 'slt', '-t', text, '-o', path]),
  'flite rms': (text, path) => execFileSync('flite', ['-voice', 'rms', '-t', text, '-o', path]),
  'flite awb': (text, path) => execFileSync('flite', ['-voice', 'awb', '-t', text, '-o', path]),
  'espeak-ng en-us': (text, path) => execFileSync('espeak-ng', ['-v', 'en-us', '-s', '140', '-w', path, text]),
}

const files = {
  'pi.wav': [['flite slt', 'three one four one five nine']],
  'countdown.wav': [['flite rms', 'nine eight seven six five four three two one zero']],
  'pin.wav': [['espeak-ng en-us', 'seven two four six']],
  'mid.wav': [
    ['flite slt', 'three one four one five nine two six'],
    ['flite rms', 'five three five eight nine seven nine'],
    ['flite slt', 'three two three eight four six'],
    ['flite rms', 'two six four three three eight three'],
    ['flite awb', 'two seven nine five zero'],
    ['flite slt', 'two eight eight four one nine seven'],
    ['flite rms', 'one six nine three nine nine three'],
    ['flite slt', 'seven five one zero five eight'],
    ['flite rms', 'two zero nine seven four nine'],
    ['flite awb', 'four four five nine two three'],
    ['flite slt', 'zero seven eight one six four zero'],
    ['flite rms', 'six two eight six two zero'],
    ['flite awb', 'eight nine nine eight six two'],
    ['flite slt', 'eight zero three four eight two'],
    ['flite rms', 'five three four two one one seven'],
  ],
}

const folder = mkdtempSync(join(tmpdir(), 'yap-samples-'))
const lines = ['file\ttranscript\tvoices']
try {
  for (const [name, phrases] of Object.entries(files)) {
    const pcm = join16(phrases.map(([voice, text]) => speak(voice, text)))
    writeFileSync(new URL(name, import.meta.url), encodeWav(withHiss(pcm)))
    const spokenBy = [...new Set(phrases.map(([voice]) => voice))].join(', ')
    lines.push([name, phrases.map(([, text]) => text).join(' '), spokenBy].join('\t'))
    process.stdout.write(`${name}: ${(pcm.length / sampleRateHz).toFixed(1)} s\n`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
writeFileSync(new URL('transcripts.tsv', import.meta.url), lines.join('\n') + '\n')

function speak(voice, text) {
  const path = join(folder, 'phrase.wav')
  voices[voice](text, path)
  const { samples, sampleRateHz: hz } = readWav(readFileSync(path))
  const pcm = resample(samples, hz)
  const gain = loudnessRms / Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length)
  return pcm.map((sample) => Math.max(-32768, Math.min(32767, Math.round(sample * gain))))
}

function join16(phrases) {
  const silence = (ms) => new Int16Array((ms * sampleRateHz) / 1000)
  const parts = [silence(leadMs), ...phrases.flatMap((pcm) => [pcm, silence(pauseMs)])]
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function withHiss(pcm) {
  let state = 1
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32 - 0.5
  }
  const scale = hissRms * Math.sqrt(12)
  return pcm.map((sample) => Math.max(-32768, Math.min(32767, Math.round(sample + scale * uniform()))))
}
