import { GantryError } from '../../base/index.ts';
import type { LayerLease, LayerRecord } from '../../images/index.ts';
import type { BuildParts } from '../parts.ts';

/** What was written into a root as a layer; an empty one where nothing was, as with Docker. The root is of no more use. */
export async function captureLayer(
  parts: BuildParts,
  id: string,
  options: { lease: LayerLease; sourceDateEpoch: number | undefined },
  signal: AbortSignal,
): Promise<LayerRecord> {
  const { sourceDateEpoch } = options;
  const layer = await parts.assembly.capture(id, {
    lease: options.lease,
    consume: true,
    keepEmpty: true,
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
    signal,
  });
  if (!layer) throw new GantryError('internal', 'A step came to no layer, not even an empty one');
  return layer;
}
