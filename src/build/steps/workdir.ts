import { errnoOf, invalid, isKind } from '../../base/index.ts';
import { mkdirAllInRoot } from '../../host/index.ts';
import type { LayerLease, LayerRecord } from '../../images/index.ts';
import type { BuildParts } from '../parts.ts';
import type { WorkdirWork } from '../plan/plan.ts';
import { captureLayer } from './capture.ts';
import { lookUpOwner } from './owner.ts';

export interface RootRequest {
  layers: readonly string[];
  lease: LayerLease;
  sourceDateEpoch: number | undefined;
}

/** Mounts a root on top of these layers, lets `work` write to it, and makes a layer of what it wrote. */
export async function writeLayer(
  parts: BuildParts,
  request: RootRequest,
  work: (root: string) => Promise<void>,
  signal: AbortSignal,
): Promise<LayerRecord> {
  const id = parts.ids.next();
  const { layers } = parts.images;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => layers.remove(id));
  await parts.assembly.createRoot(id, request.layers);
  await work(await layers.mount(id));
  await layers.unmount(id);
  return await captureLayer(parts, id, request, signal);
}

/** WORKDIR: the directory, and those above that are missing, belong to the user of the stage. */
export function workdirStep(parts: BuildParts, work: WorkdirWork, request: RootRequest, signal: AbortSignal): Promise<LayerRecord> {
  return writeLayer(parts, request, async (root) => makeDirectory(root, work), signal);
}

function makeDirectory(root: string, { path, user }: WorkdirWork): void {
  try {
    mkdirAllInRoot(root, path, { mode: 0o755, ...ownerOrRoot(root, user) });
  } catch (error) {
    if (errnoOf(error) !== 'ENOTDIR') throw error;
    throw invalid(`mkdir ${path}: not a directory`);
  }
}

/** A user that nobody knows is the next RUN's trouble: with Docker too. */
function ownerOrRoot(root: string, user: string): { uid: number; gid: number } {
  try {
    return lookUpOwner(root, user);
  } catch (error) {
    if (isKind(error, 'invalid')) return { uid: 0, gid: 0 };
    throw error;
  }
}
