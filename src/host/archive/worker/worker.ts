import { parentPort } from 'node:worker_threads';
import { errnoOf, GantryError } from '../../../base/index.ts';
import type { Failure, Job, Reply, Request } from '../jobs.ts';
import { measureTree } from '../measure.ts';
import { Ring, RingClosed } from '../ring.ts';
import { captureLayer } from './capture.ts';
import { copyTree } from './copy.ts';
import { DescriptorSink } from './descriptor-sink.ts';
import { packTree } from './pack.ts';
import { placeItems } from './place.ts';
import { rebuildTar } from './rebuild.ts';
import { scanTree } from './scan.ts';
import { unpackTree } from './unpack.ts';

/** The thread of an archive worker: one job at a time, all of it synchronous. */
parentPort?.on('message', (request: Request) => {
  const ring = request.ring && new Ring(request.ring, () => parentPort?.postMessage({ wake: true }));
  let reply: Reply;
  try {
    reply = { id: request.id, result: perform(request.job, ring) };
  } catch (error) {
    reply = { id: request.id, failure: failureOf(error) };
  }
  ring?.closeReader();
  parentPort?.postMessage(reply);
});

function perform(job: Job, ring: Ring | undefined): unknown {
  if (job.kind === 'copy') return copyTree(job);
  if (job.kind === 'capture') return captureLayer(job);
  if (job.kind === 'scan') return scanTree(job);
  if (job.kind === 'place') return placeItems(job);
  if (job.kind === 'measure') return measureTree(job.path);
  if (job.kind === 'rebuild' && job.to !== undefined) {
    const sink = new DescriptorSink(job.to, job.count);
    rebuildTar(job, sink);
    return sink.end();
  }
  if (!ring) throw new GantryError('internal', `The archive job '${job.kind}' came without a ring`);
  if (job.kind === 'unpack') return unpackTree(job, ring);
  if (job.kind === 'pack') packTree(job, ring);
  else rebuildTar(job, ring);
  ring.end();
  return undefined;
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RingClosed) return { kind: 'internal', message, code: 'RING_CLOSED' };
  if (error instanceof GantryError) return { kind: error.kind, message };
  const code = errnoOf(error);
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'unavailable' : code === 'ENOENT' ? 'notFound' : 'internal';
  return { kind, message: kind === 'unavailable' ? 'no space left on device' : message, ...(code === undefined ? {} : { code }) };
}
