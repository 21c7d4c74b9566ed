import { formatReference, type LayerLease, parseReference, withDefaultTag } from '../../images/index.ts';
import type { InlineEntries } from '../cache/inline-cache.ts';
import { longName } from '../graph/images.ts';
import type { Progress } from '../graph/progress.ts';
import type { SolvedStage } from '../graph/solver.ts';
import type { BuildParts } from '../parts.ts';
import type { EvaluatedStage } from '../plan/plan.ts';
import { imageDocument } from './document.ts';

export interface ImageExport {
  names: readonly string[];
  solved: SolvedStage;
  evaluated: EvaluatedStage;
  lease: LayerLease;
  progress: Progress;
  lastStep: string | undefined;
  sourceDateEpoch: number | undefined;
  inlineCache: boolean;
}

/** Keeps the result as an image, under these names. */
export async function exportImage(parts: BuildParts, options: ImageExport): Promise<{ imageId: string; names: string[] }> {
  const { solved, evaluated, progress, lastStep } = options;
  const step = progress.announce('exporting to image', lastStep === undefined ? [] : [lastStep]);
  return await step.during(async () => {
    const layers = step.counter('exporting layers', 'exporting layers');
    const names = options.names.map((name) => formatReference(withDefaultTag(parseReference(name))));
    const config = imageDocument({
      platform: evaluated.platform,
      author: evaluated.author,
      config: evaluated.config,
      history: solved.history,
      diffIds: solved.layers,
      sourceDateEpoch: options.sourceDateEpoch,
      ...(options.inlineCache ? { inlineCache: inlineEntries(solved) } : {}),
    });
    layers(0, 0, true);
    const image = await parts.assembly.put({ config, names, lease: options.lease, event: { action: 'create' } });
    const tell = (text: string) => step.counter(text, text)(0, 0, true);
    tell(`writing image ${image.id}`);
    for (const name of options.names) tell(`naming to ${longName(name).replace(/:latest$/, '')}`);
    return { imageId: image.id, names };
  });
}

function inlineEntries({ keys, history }: SolvedStage): InlineEntries {
  const dates = history.filter((entry) => entry.empty_layer !== true).map((entry) => entry.created ?? '');
  return keys.flatMap((key, layer) => (key === undefined ? [] : [{ layer, key, created: dates[layer] ?? '' }]));
}
