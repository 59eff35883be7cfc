/**
 * ITU-T G.711: one byte of mu-law or A-law to 16-bit PCM, by table.
 *
 * Both laws pack sign (1 bit), segment (3) and step (4). The tables hold the middle of each quantising interval at
 * 16-bit scale: mu-law reaches 32124, A-law 32256.
 */

export const muLawToPcm: Int16Array = table((byte) => {
  // Mu-law bytes travel inverted, so that silence has many ones on the line.
  const bits = ~byte & 0xff
  const magnitude = (((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7)
  return bits & 0x80 ? 0x84 - magnitude : magnitude - 0x84
})

export const aLawToPcm: Int16Array = table((byte) => {
  // Every second bit is inverted on the line, for the same reason.
  const bits = byte ^ 0x55
  const segment = (bits >> 4) & 7
  const step = ((bits & 0x0f) << 4) + 8
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1)
  return bits & 0x80 ? magnitude : -magnitude
})

function table(decode: (byte: number) => number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, byte) => decode(byte))
}
