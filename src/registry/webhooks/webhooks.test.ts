import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { randomIds, silentLog, systemClock } from '../../base/index.ts';
import { Webhooks } from './webhooks.ts';

const parts = { clock: systemClock(), ids: randomIds(), log: silentLog, firstPause: 5 };

/** A receiver that answers with the given statuses in turn, then with 200. */
async function receiver(...statuses: number[]) {
  const seen: { body: string; signature: string | undefined }[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString();
    seen.push({ body, signature: request.headers['x-gantry-signature'] as string | undefined });
    response.writeHead(statuses.shift() ?? 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return {
    url,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition(), 'waited in vain');
}

test('a push is told, signed, in order, and again when the receiver fails', async () => {
  await using target = await receiver(500, 503);
  await using webhooks = new Webhooks([{ url: target.url, secret: 'key', actions: ['push'] }], parts);
  webhooks.send({ action: 'push', kind: 'manifest', repository: 'a', tag: 'one' });
  webhooks.send({ action: 'delete', kind: 'tag', repository: 'a', tag: 'none' });
  webhooks.send({ action: 'push', kind: 'blob', repository: 'a', digest: 'sha256:0' });
  webhooks.send({ action: 'push', kind: 'manifest', repository: 'a', tag: 'two' });
  await until(() => webhooks.figures.delivered === 2);
  assert.deepEqual(
    target.seen.map(({ body }) => JSON.parse(body).tag),
    ['one', 'one', 'one', 'two'],
  );
  for (const { body, signature } of target.seen)
    assert.equal(signature, `sha256=${createHmac('sha256', 'key').update(body).digest('hex')}`);
});

test('a receiver that is away costs no push its time, and its queue is bounded', async () => {
  await using webhooks = new Webhooks([{ url: 'http://127.0.0.1:9/' }], { ...parts, firstPause: 60_000 });
  for (let i = 0; i < 1500; i += 1) webhooks.send({ action: 'push', kind: 'manifest', repository: 'a', tag: `t${i}` });
  assert.ok(webhooks.figures.waiting <= 1001, `${webhooks.figures.waiting}`);
  assert.ok(webhooks.figures.dropped >= 499, `${webhooks.figures.dropped}`);
});
