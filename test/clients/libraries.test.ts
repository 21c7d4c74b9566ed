// Libraries that speak the Docker API, doing real work: testcontainers with its modules, and dockerode.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { eventually, PROJECT, run, startDaemon, startRegistry, type TestDaemon, type TestRegistry } from '../support/index.ts';

suite('libraries that speak the Docker API', () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  before(async () => {
    daemon = await startDaemon({ images: ['busybox', 'redis', 'postgres', 'python'], plugins: ['buildx', 'compose'] });
    registry = await startRegistry(daemon.host);
    await daemon.ok('build', '--quiet', '--tag', 'test/reaper', path.join(PROJECT, 'test/clients/projects/reaper'));
  });
  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  for (const library of ['dockerode', 'testcontainers'])
    test(library, async () => {
      // In the network of the daemon's host, where published ports are.
      const program = path.join(PROJECT, 'test/clients/programs', `${library}.program.ts`);
      const env = {
        ...daemon.clientEnv,
        PATH: `${path.join(PROJECT, '.cache/clients')}:${process.env['PATH']}`,
        TEST_REGISTRY: registry.address,
        // Its own is on a registry that tests do not ask.
        RYUK_CONTAINER_IMAGE: 'test/reaper',
      };
      // Tests of their own, told as text.
      const command = ['--unset=NODE_TEST_CONTEXT', path.join(PROJECT, 'bin/node'), program];
      const { status, stdout, stderr } = await run(...daemon.host.inside('env', command), { env, timeout: 120_000 });
      assert.equal(status, 0, stdout + stderr);
      assert.match(stdout, /pass [1-9]/);
      await eventually('all containers to be gone', async () => (await daemon.ok('ps', '--all', '--quiet')) === '');
    });
});
