import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { EngineClient } from '../support/engine-client.ts';
import { startDaemon, type TestDaemon } from '../support/index.ts';
import { assertNetworks, noNetworks, startMembers } from './network-workers.ts';

const ROUNDS = 8;

suite('kill -9 in the middle of mending links', () => {
  for (const network of ['bridge', 'shop'])
    test(`containers on the network ${network} have their addresses and ways out back`, async () => {
      await using daemon = await startDaemon({ images: ['busybox'] });
      const client = new EngineClient(daemon.socket);
      if (network !== 'bridge') await client.json('POST', '/networks/create', { Name: network, EnableIPv6: true });
      await startMembers(daemon.socket, 'member', 'gantry/busybox:latest', network);
      for (let round = 0; round < ROUNDS; round += 1) {
        const seen = daemon.log().length;
        await deleteLinks(daemon);
        while (!daemon.log().slice(seen).includes('The link of a running container was changed or deleted')) await nextTurn();
        // A link is made anew in a few milliseconds.
        await sleep(round % 4);
        await daemon.kill9();
        await daemon.start();
        await assertNetworks(daemon, noNetworks());
      }
    });
});

async function deleteLinks({ host }: TestDaemon): Promise<void> {
  const { stdout } = await host.run('ip', ['-o', 'link', 'show', 'type', 'veth']);
  const links = [...stdout.matchAll(/^\d+: (g[0-9a-f]{6}-[0-9a-f]{7})@/gm)].map((match) => match[1]);
  assert.notEqual(links.length, 0);
  await host.run('ip', ['-batch', '-'], { input: links.map((link) => `link del ${link}\n`).join('') });
}
