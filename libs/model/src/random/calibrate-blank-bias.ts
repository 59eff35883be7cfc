/** Finds the blank bias at which greedy decoding emits a wanted number of tokens a frame. */

export interface BlankBiasSearch {
  /** Decodes with this bias; tokens a frame. Falls as the bias rises. */
  tokensPerFrame: (blankBias: number) => number | Promise<number>
  wanted: number
  low: number
  high: number
  /** Good enough, as a share of `wanted`. */
  tolerance?: number
  triesMax?: number
}

/** Bisection; the best of the biases that were tried. */
export async function calibrateBlankBias(
  search: BlankBiasSearch,
): Promise<{ blankBias: number; tokensPerFrame: number }> {
  const { wanted, tolerance = 0.05, triesMax = 16 } = search
  let { low, high } = search
  let best = { blankBias: low, tokensPerFrame: Infinity }
  for (let tries = 0; tries < triesMax; tries++) {
    const blankBias = (low + high) / 2
    const tokensPerFrame = await search.tokensPerFrame(blankBias)
    if (Math.abs(tokensPerFrame - wanted) < Math.abs(best.tokensPerFrame - wanted)) best = { blankBias, tokensPerFrame }
    if (Math.abs(tokensPerFrame - wanted) <= tolerance * wanted) break
    if (tokensPerFrame > wanted) low = blankBias
    else high = blankBias
  }
  return best
}
