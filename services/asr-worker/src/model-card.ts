/** What a model is and knows, in words for people: web page and banner show it. */
import { DEMO_MODEL, type ModelManifest } from '@yap/model'

export function modelCard({ name, parameters }: ModelManifest): { description: string; knows: string } {
  if (name === DEMO_MODEL) {
    return {
      description: 'A small demo model: English digits only.',
      knows: "English digits: try 'three one four'",
    }
  }
  const millions = parameters ? `, ${Math.round(parameters / 1e6)} M parameters` : ''
  return { description: `Cache-aware streaming FastConformer${millions}`, knows: '' }
}
