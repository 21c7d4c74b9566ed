// A small development container, built and run by the Dev Container command line (@devcontainers/cli).
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { PROJECT, run, startDaemon, type TestDaemon } from '../support/index.ts';

const CLI = path.join(PROJECT, 'node_modules/@devcontainers/cli/devcontainer.js');

const FILES: Record<string, string> = {
  'devcontainer.json': JSON.stringify({
    name: 'small',
    build: { dockerfile: 'Dockerfile', args: { WHO: 'world' } },
    // Comes as a build context of its own, and installs itself by RUN --mount=type=bind.
    features: { './tool': { version: '7' } },
    containerEnv: { COLOUR: 'green' },
    remoteUser: 'dev',
    mounts: ['source=small-cache,target=/cache,type=volume'],
    postCreateCommand: 'echo created >/tmp/created',
    runArgs: ['--network=none'],
  }),
  Dockerfile: 'FROM gantry/debian:12\nARG WHO\nRUN echo "hello $WHO" >/greeting && useradd -m dev\n',
  'tool/devcontainer-feature.json': JSON.stringify({
    ...{ id: 'tool', version: '1.0.0', name: 'A tool', containerEnv: { TOOL_HOME: '/opt/tool' } },
    options: { version: { type: 'string', default: '1' } },
  }),
  'tool/install.sh': '#!/bin/sh\nset -e\nmkdir -p /opt/tool\necho "tool $VERSION for $_REMOTE_USER" >/opt/tool/about\n',
};

suite('development containers', () => {
  let daemon: TestDaemon;
  let folder: string;
  before(async () => {
    daemon = await startDaemon({ images: ['debian'], plugins: ['buildx'] });
    folder = path.join(daemon.root, 'small');
    for (const [name, text] of Object.entries(FILES)) {
      const file = path.join(folder, '.devcontainer', name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    // The daemon's own folder is closed to others; the user of the container works in this one.
    for (const place of [daemon.root, folder]) chmodSync(place, 0o755);
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  const devcontainer = async (command: string, ...args: string[]) => {
    const [docker, words] = daemon.client();
    // Its --docker-path is one program: the client as seen from the test's host.
    const client = path.join(daemon.root, 'docker');
    writeFileSync(client, `#!/bin/sh\nexec ${[docker, ...words].join(' ')} "$@"\n`, { mode: 0o755 });
    const outcome = await run(process.execPath, [CLI, command, '--workspace-folder', folder, '--docker-path', client, ...args], {
      env: { ...daemon.clientEnv, TMPDIR: daemon.root },
      timeout: 120_000,
    });
    assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
    return outcome.stdout;
  };

  test('one is built from a Dockerfile and a feature, runs as its user, and is found again', async () => {
    const { outcome, containerId, remoteUser } = JSON.parse(await devcontainer('up')) as Record<string, string>;
    assert.deepEqual([outcome, remoteUser], ['success', 'dev']);
    const seen = await devcontainer(
      'exec',
      'sh',
      '-c',
      'cat /greeting /opt/tool/about /tmp/created; id -un; echo $COLOUR $TOOL_HOME; ls -a; ls -d /cache',
    );
    assert.equal(seen, 'hello world\ntool 7 for dev\ncreated\ndev\ngreen /opt/tool\n.\n..\n.devcontainer\n/cache\n');
    assert.equal((JSON.parse(await devcontainer('up')) as Record<string, string>)['containerId'], containerId);
  });
});
