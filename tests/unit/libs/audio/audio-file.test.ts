import { AudioError, encodeWav, findFfmpeg, readAudioFile, streamAudioFile } from '@yap/audio'
import { expect } from 'chai'
import type { Context } from 'mocha'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { wavBytes } from '../../../support/wav-bytes.js'

describe('readAudioFile', () => {
  // Goal: a path becomes 16 kHz mono samples, or one line that names the file and says what to do.
  // Method: files in a temporary folder; ffmpeg switched off, and used where this machine has it.
  let folder: string
  before(() => (folder = mkdtempSync(join(tmpdir(), 'yap-audio-'))))
  after(() => rmSync(folder, { recursive: true }))

  function file(name: string, bytes: Uint8Array | string): string {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return path
  }

  async function failure(path: string, options = {}): Promise<AudioError> {
    const outcome = await readAudioFile(path, options).catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(AudioError)
    expect((outcome as Error).message)
      .to.include(path)
      .and.not.include('\n')
    return outcome as AudioError
  }

  it('reads 16 kHz mono as it is', async () => {
    const pcm = tone(16_000, 40_000)
    const audio = await readAudioFile(file('a.wav', encodeWav(pcm)))
    expect(audio.durationMs).to.equal(2500)
    expect(Buffer.from(audio.pcm.buffer).equals(Buffer.from(pcm.buffer))).to.equal(true)
  })

  it('resamples what has another rate, the same in parts as in one', async () => {
    const path = file('b.wav', encodeWav(tone(44_100, 100_000), 44_100))
    const audio = await readAudioFile(path)
    expect(audio.pcm.length).to.equal(Math.ceil((100_000 * 160) / 441))
    const wanted = tone(16_000, audio.pcm.length)
    for (let i = 200; i < wanted.length - 200; i++) expect(audio.pcm[i]).to.be.closeTo(wanted[i]!, 2)
    const parts: number[] = []
    for await (const part of streamAudioFile(path)) parts.push(part.length)
    expect(parts.length).to.be.above(3)
    expect(parts.reduce((sum, length) => sum + length)).to.equal(audio.pcm.length)
  })

  it('finds audio behind a large chunk', async () => {
    const picture = Array<number>(100_001).fill(7)
    const audio = await readAudioFile(file('c.wav', wavBytes({ data: [1, 0, 2, 0], before: [['LIST', picture]] })))
    expect([...audio.pcm]).to.deep.equal([1, 2])
  })

  it('says that a file is not there, or is a directory', async () => {
    expect((await failure(join(folder, 'none.wav'))).message).to.match(/cannot read .*none\.wav: no such file/)
    expect((await failure(folder)).message).to.include('is a directory')
  })

  it('says that a text file named .wav is none, with ffmpeg or without', async () => {
    const path = file('text.wav', 'one two three\n')
    expect((await failure(path)).code).to.equal('not_audio')
    expect((await failure(path, { ffmpeg: false })).message).to.include(
      'is not a WAV file: it starts with "one two thre"',
    )
  })

  it('says that a file has no samples, was cut off, or has no sound rate', async () => {
    expect((await failure(file('0.wav', wavBytes({ data: [] })))).code).to.equal('empty')
    expect((await failure(file('cut.wav', encodeWav(tone(16_000, 999)).subarray(0, 500)))).code).to.equal('truncated')
    expect((await failure(file('rate.wav', wavBytes({ hz: 3, data: [0, 0] })))).code).to.equal('bad_rate')
  })

  it('says that ffmpeg is missing where only ffmpeg could read the file', async () => {
    const mp3 = await failure(file('a.mp3', 'ID3\x04 something'), { ffmpeg: false })
    expect(mp3.code).to.equal('no_ffmpeg')
    expect(mp3.message).to.include('ffmpeg, which reads other formats, is not on the PATH')
    const adpcm = await failure(file('adpcm.wav', wavBytes({ tag: 2, bits: 4, sampleBytes: 1, data: [0] })), {
      ffmpeg: false,
    })
    expect(adpcm.message).to.include('Microsoft ADPCM').and.include('ffmpeg')
  })

  it('lets ffmpeg read other formats, and says what it could not read', async function () {
    const ffmpeg = ffmpegOrSkip(this)
    const path = join(folder, '-odd name: a.flac')
    const wav = file('d.wav', encodeWav(tone(48_000, 48_000), 48_000))
    expect(spawnSync(ffmpeg, ['-v', 'error', '-i', wav, `file:${path}`]).status).to.equal(0)
    const audio = await readAudioFile(path)
    expect(audio.pcm.length).to.be.closeTo(16_000, 2)
    const garbage = await failure(file('garbage.mp3', Buffer.alloc(5000, 'no audio ')))
    expect(garbage.message).to.include('ffmpeg cannot read it')
  })

  it('stops ffmpeg when the reader stops early', async function () {
    const ffmpeg = ffmpegOrSkip(this)
    const path = join(folder, 'long.flac')
    const wav = file('long.wav', encodeWav(tone(16_000, 16_000 * 120)))
    expect(spawnSync(ffmpeg, ['-v', 'error', '-i', wav, path]).status).to.equal(0)
    for await (const part of streamAudioFile(path)) {
      expect(part.length).to.be.above(0)
      break
    }
  })
})

function tone(hz: number, length: number): Int16Array {
  return Int16Array.from({ length }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / hz)))
}

/** Skips the running test, with a line that says so, where there is no ffmpeg. */
function ffmpegOrSkip(test: Context): string {
  const ffmpeg = findFfmpeg()
  if (ffmpeg) return ffmpeg
  process.stderr.write(`SKIPPED: no ffmpeg here, so "${test.test?.fullTitle() ?? ''}" did not run\n`)
  test.skip()
}
