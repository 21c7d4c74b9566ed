// Where builds take things from: archives, git servers, caches in registries, images of other platforms.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { eventually, must, start, startDaemon, startRegistry, type TestDaemon } from '../support/index.ts';

suite('sources of builds', () => {
  let daemon: TestDaemon;
  const at = (name: string) => path.join(daemon.root, 'work', name);
  const file = (name: string, text: string) => {
    mkdirSync(path.dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  };
  const build = (...args: string[]) => daemon.dockerWith({ cwd: at('.') }, 'build', '--progress', 'plain', '--network', 'none', ...args);
  const built = async (...args: string[]) => {
    const { status, stderr } = await build(...args);
    assert.equal(status, 0, stderr);
    return stderr;
  };
  const files = async (image: string) =>
    (await daemon.ok('run', '--rm', '--network', 'none', image, 'find', '/c', '-type', 'f')).split('\n').sort();

  before(async () => {
    daemon = await startDaemon({ images: ['busybox'], plugins: ['buildx'] });
    file('context/Dockerfile', 'FROM gantry/busybox\nCOPY . /c/\n');
    file('context/.dockerignore', '*.log\n');
    file('context/kept', 'kept\n');
    file('context/x.log', 'ignored\n');
    file('context/sub/Dockerfile', 'FROM gantry/busybox\nCOPY . /c/\n');
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  test('a .dockerignore counts in a directory, and not in an archive, with and without BuildKit', async () => {
    await built('-t', 'directory', 'context');
    assert.deepEqual(await files('directory'), ['/c/.dockerignore', '/c/Dockerfile', '/c/kept', '/c/sub/Dockerfile']);
    for (const buildkit of ['1', '0']) {
      const image = `archive${buildkit}`;
      const script = `tar -C ${at('context')} -c . | "$0" "$@" -t ${image} -`;
      const [command, args] = daemon.client('build', '--network', 'none');
      await must('sh', ['-c', script, command, ...args], { env: { ...daemon.clientEnv, DOCKER_BUILDKIT: buildkit } });
      assert.deepEqual(await files(image), ['/c/.dockerignore', '/c/Dockerfile', '/c/kept', '/c/sub/Dockerfile', '/c/x.log']);
    }
  });

  test('git repositories are contexts: of git daemon and git http-backend, by branch, tag, commit and directory', async () => {
    const git = (...args: string[]) => must('git', ['-C', at('context'), '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args]);
    await git('init', '--quiet', '-b', 'main');
    await git('add', '.');
    await git('commit', '--quiet', '-m', 'one');
    await git('tag', 'v1');
    const first = await git('rev-parse', 'HEAD');
    file('context/later', 'later\n');
    await git('add', '.');
    await git('commit', '--quiet', '-m', 'two');
    await must('git', ['clone', '--quiet', '--bare', at('context'), at('served/repo.git')]);
    rmSync(at('context/.git'), { recursive: true });
    file('www/cgi-bin/git', `#!/bin/sh\nexport GIT_PROJECT_ROOT=${at('served')} GIT_HTTP_EXPORT_ALL=1\nexec git http-backend\n`);
    chmodSync(at('www/cgi-bin/git'), 0o755);
    const daemonArgs = [
      'daemon',
      '--reuseaddr',
      '--export-all',
      `--base-path=${at('served')}`,
      '--listen=127.0.0.1',
      `--pid-file=${at('git.pid')}`,
    ];
    const servers = [
      start(...daemon.host.inside('busybox', ['httpd', '-f', '-p', '127.0.0.1:8099', '-h', at('www')]), { timeout: 120_000 }),
      start(...daemon.host.inside('git', daemonArgs), { timeout: 120_000 }),
    ];
    try {
      const web = 'http://127.0.0.1:8099/cgi-bin/git/repo.git';
      await eventually('both servers to answer', async () => {
        const answers = await Promise.all([web, 'git://127.0.0.1/repo.git'].map((url) => daemon.host.run('git', ['ls-remote', url])));
        return answers.every(({ status }) => status === 0);
      });
      const all = ['/c/.dockerignore', '/c/Dockerfile', '/c/kept', '/c/sub/Dockerfile', '/c/x.log'];
      for (const [url, wanted] of [
        [web, [...all, '/c/later']],
        ['git://127.0.0.1/repo.git#main', [...all, '/c/later']],
        ['git://127.0.0.1/repo.git#v1', all],
        [`${web}#${first}`, all],
        ['git://127.0.0.1/repo.git#main:sub', ['/c/Dockerfile']],
      ] as const) {
        await built('-t', 'from-git', url);
        assert.deepEqual(await files('from-git'), [...wanted].sort(), url);
      }
      for (const [url, refusal] of [
        [`${web}#nowhere`, /couldn't find remote ref nowhere/],
        ['git://127.0.0.1/repo.git#:nodir', /has no directory "nodir"/],
        ['git://127.0.0.1/none.git', /access denied or repository not exported/],
      ] as const)
        assert.match((await build(url)).stderr, refusal, url);
    } finally {
      for (const server of servers) server.kill();
      // git daemon answers through children of its own.
      await eventually('git daemon to end', async () =>
        servers.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null),
      );
    }
  });

  test('a cache in a registry gives only the layers that are hit', async () => {
    await using registry = await startRegistry(daemon.host);
    const name = `${registry.address}/cached:1`;
    file(
      'cached/Dockerfile',
      'FROM gantry/busybox\nRUN echo slow; head -c 300000 /dev/urandom >/early\nCOPY file /\nRUN head -c 3000000 /dev/urandom >/late\n',
    );
    file('cached/file', 'one');
    await built('--cache-to', 'type=inline', '-t', name, 'cached');
    const early = await daemon.ok('run', '--rm', '--network', 'none', name, 'md5sum', '/early');
    await daemon.ok('push', '--quiet', name);
    await daemon.ok('rmi', '-f', name);
    await daemon.ok('builder', 'prune', '-af');
    const layersBefore = layers();
    file('cached/file', 'two');
    const told = await built('--cache-from', name, '-t', 'again', 'cached');
    assert.match(told, /importing cache manifest from 127\.0\.0\.1:5000\/cached:1/);
    assert.match(told, /RUN echo slow.*\n(.*\n)*?#\d+ CACHED/);
    assert.equal(await daemon.ok('run', '--rm', '--network', 'none', 'again', 'md5sum', '/early'), early);
    assert.equal(await daemon.ok('images', '-q', name), '');
    // The early layer came from the registry; those of COPY and of the late step were made here.
    assert.equal(layers() - layersBefore, 3);
    // A cache that is not there is passed over.
    await built('--cache-from', `${registry.address}/nobody:1`, '-t', 'again', 'cached');
  });

  const layers = () => readdirSync(path.join(daemon.root, 'data/layers')).filter((entry) => /^[0-9a-f]{26}$/.test(entry)).length;

  test('what a Dockerfile copies although it is ignored, and a base of another platform, are warned about', async () => {
    file('context/Lint', '# check=experimental=CopyIgnoredFile\nFROM gantry/busybox\nCOPY x.log kept /c/\n');
    assert.match(
      (await daemon.dockerWith({ cwd: at('.') }, 'build', '--check', '-f', 'context/Lint', 'context')).stdout,
      /CopyIgnoredFile[\s\S]*Attempting to Copy file "x\.log" that is excluded by \.dockerignore/,
    );
    await using registry = await startRegistry(daemon.host, 5001);
    await registry.add('busybox', 'base:1');
    await daemon.ok('pull', '--quiet', `${registry.address}/base:1`);
    file('other/Dockerfile', `FROM ${registry.address}/base:1\nCOPY Dockerfile /\n`);
    const told = await built('--platform', 'linux/arm64', '-t', 'other', 'other');
    assert.match(
      told,
      /InvalidBaseImagePlatform: Base image 127\.0\.0\.1:5001\/base:1 was pulled with platform "linux\/amd64", expected "linux\/arm64" for current build/,
    );
    file('other/Dockerfile', `FROM ${registry.address}/base:1\nRUN true\n`);
    if (!existsSync('/proc/sys/fs/binfmt_misc/qemu-riscv64'))
      assert.match(
        (await build('--platform', 'linux/riscv64', 'other')).stderr,
        /platform linux\/riscv64: this host cannot run programs of it.*qemu-user-static/,
      );
    assert.match(
      (await build('--platform', 'linux/amd64,linux/arm64', 'context')).stderr,
      /multi-platform|several platforms|platforms? .*(not supported|one)/i,
    );
  });
});
