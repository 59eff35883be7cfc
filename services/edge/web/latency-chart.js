/**
 * The last 30 seconds of latency on a canvas: end to end as a filled line, the service's own lag dashed.
 *
 * Drawn when a reading comes, not at every frame of the screen: nothing moves while nothing is said.
 */

const SPAN_MS = 30_000
const SCALES_MS = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000]
const LEFT = 52
const BOTTOM = 18
const TOP = 8

export class LatencyChart {
  #canvas
  /** @type {{atMs: number, endToEndMs?: number, lagMs?: number}[]} oldest first, none older than SPAN_MS */
  #points = []

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas
    new ResizeObserver(() => this.draw()).observe(canvas)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw())
  }

  add(point) {
    this.#points.push(point)
    while (this.#points[0].atMs < point.atMs - SPAN_MS) this.#points.shift()
    this.draw()
  }

  clear() {
    this.#points = []
    this.draw()
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas
    const scale = devicePixelRatio || 1
    this.#canvas.width = Math.round(width * scale)
    this.#canvas.height = Math.round(height * scale)
    const pen = this.#canvas.getContext('2d')
    pen.scale(scale, scale)
    const style = getComputedStyle(this.#canvas)
    const colour = (name) => style.getPropertyValue(name).trim()

    const largest = Math.max(0, ...this.#points.flatMap((p) => [p.endToEndMs ?? 0, p.lagMs ?? 0]))
    const topMs = SCALES_MS.find((ms) => ms >= largest) ?? largest
    const nowMs = this.#points.at(-1)?.atMs ?? 0
    const area = {
      x: (atMs) => LEFT + (width - LEFT - 2) * (1 - (nowMs - atMs) / SPAN_MS),
      y: (ms) => TOP + (height - TOP - BOTTOM) * (1 - ms / topMs),
      right: width,
      bottom: height - BOTTOM,
    }

    pen.font = `11px ${style.fontFamily}`
    grid(pen, area, topMs, colour('--line'), colour('--soft'))
    const endToEnd = this.#points.filter((p) => p.endToEndMs !== undefined)
    trace(pen, area, endToEnd, 'endToEndMs', colour('--accent'), true)
    const lag = this.#points.filter((p) => p.lagMs !== undefined)
    trace(pen, area, lag, 'lagMs', colour('--second'), false)
  }
}

function grid(pen, area, topMs, line, ink) {
  pen.strokeStyle = line
  pen.fillStyle = ink
  pen.lineWidth = 1
  pen.textAlign = 'right'
  pen.textBaseline = 'middle'
  for (const share of [0, 0.5, 1]) {
    const y = Math.round(area.y(share * topMs)) + 0.5
    pen.beginPath()
    pen.moveTo(LEFT, y)
    pen.lineTo(area.right, y)
    pen.stroke()
    pen.fillText(share === 0 ? '0' : label(share * topMs), LEFT - 6, y)
  }
  pen.textBaseline = 'alphabetic'
  pen.textAlign = 'left'
  pen.fillText('30 s ago', LEFT, area.bottom + 14)
  pen.textAlign = 'right'
  pen.fillText('now', area.right, area.bottom + 14)
}

function label(ms) {
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`
}

function trace(pen, area, points, field, colour, filled) {
  if (points.length === 0) return
  pen.beginPath()
  for (const [i, point] of points.entries()) {
    const x = area.x(point.atMs)
    const y = area.y(point[field])
    if (i === 0) pen.moveTo(x, y)
    else pen.lineTo(x, y)
  }
  pen.strokeStyle = colour
  pen.lineWidth = 2
  pen.lineJoin = 'round'
  pen.setLineDash(filled ? [] : [5, 4])
  pen.stroke()
  pen.setLineDash([])
  if (!filled) return
  pen.lineTo(area.x(points.at(-1).atMs), area.bottom)
  pen.lineTo(area.x(points[0].atMs), area.bottom)
  pen.globalAlpha = 0.14
  pen.fillStyle = colour
  pen.fill()
  pen.globalAlpha = 1
}
