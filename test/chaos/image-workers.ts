import { randomBytes } from 'node:crypto';
import { encodeTarHeader, paddingOf, tarEnd } from '../../src/base/index.ts';
import { EngineClient } from '../support/engine-client.ts';
import type { Random } from '../support/random.ts';
import { untilGone } from './workers.ts';

/**
 * Prunes, saves and pushes what others load, pull and make meanwhile, until the daemon is gone. Any answer will do but a fault of the daemon's own:
 * what was there may have gone since, and the budget may leave no room.
 */
export async function imageWorker(socket: string, image: string, registry: string, random: Random): Promise<void> {
  const client = new EngineClient(socket);
  const verbs: (() => Promise<{ status: number; body: Buffer }>)[] = [
    () => client.call('POST', '/images/prune'),
    () => client.call('POST', '/build/prune?all=1'),
    () => client.call('GET', `/images/${image}/get`),
    () => client.call('GET', '/system/df'),
    () => client.call('POST', '/images/create?fromSrc=-&repo=made&tag=1', layer(random)),
    () => client.call('POST', `/images/${image}/tag?repo=${registry}/pushed&tag=1`),
    () => client.call('POST', `/images/${registry}/pushed/push?tag=1`, undefined, { 'X-Registry-Auth': 'e30=' }),
  ];
  await untilGone(async () => {
    const { status, body } = await random.pick(verbs)();
    if (status >= 500 && !/no room for/.test(body.toString())) throw new Error(`a request on images failed with ${status}: ${body}`);
  });
}

/** A root filesystem that was never there before. */
function layer(random: Random): Buffer {
  const content = randomBytes(1 + random.integer(2_000_000));
  const header = encodeTarHeader({ type: 'file', name: 'file', mode: 0o644, size: content.length });
  return Buffer.concat([header, content, Buffer.alloc(paddingOf(content.length)), tarEnd()]);
}
