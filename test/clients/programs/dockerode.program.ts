// The Docker API as dockerode uses it. Run by test/clients/libraries.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { suite, test } from 'node:test';
import Docker from 'dockerode';

const IMAGE = 'gantry/busybox';
const docker = new Docker({ socketPath: (process.env['DOCKER_HOST'] ?? '').replace('unix://', '') });

const text = (stream: NodeJS.ReadableStream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
};
const finished = (stream: NodeJS.ReadableStream) =>
  new Promise((resolve, reject) => docker.modem.followProgress(stream, (e, r) => (e ? reject(e) : resolve(r))));

suite('dockerode', () => {
  test('run() gives the output of both streams and the exit code', async () => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const [said, complained] = [text(out), text(err)];
    const [result, container] = await docker.run(IMAGE, ['sh', '-c', 'echo out; echo err >&2; exit 3'], [out, err], { Tty: false });
    assert.deepEqual([result.StatusCode, said(), complained()], [3, 'out\n', 'err\n']);
    await container.remove();
  });

  test('attach() is a conversation, and ends when the container does', async () => {
    const container = await docker.createContainer({
      Image: IMAGE,
      Cmd: ['cat'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
    });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    const out = new PassThrough();
    const said = text(out);
    docker.modem.demuxStream(stream, out, out);
    const ended = once(stream, 'end');
    await container.start();
    stream.write('hello\n');
    stream.end();
    const { StatusCode } = await container.wait();
    await ended;
    assert.deepEqual([StatusCode, said()], [0, 'hello\n']);
    await container.remove();
  });

  test('exec with input, logs, stats, top, archives and events', async () => {
    const seen: string[] = [];
    const events = await docker.getEvents({ filters: { type: ['container'] } });
    events.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n').filter(Boolean)) seen.push((JSON.parse(line) as { Action: string }).Action);
    });
    const container = await docker.createContainer({ Image: IMAGE, name: 'worker', Cmd: ['sh', '-c', 'echo ready; exec sleep 100'] });
    await container.start();
    const exec = await container.exec({ Cmd: ['sh', '-c', 'read word; echo "got $word"; exit 7'], AttachStdin: true, AttachStdout: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    const out = new PassThrough();
    const said = text(out);
    docker.modem.demuxStream(stream, out, out);
    stream.write('word\n');
    await once(stream, 'end');
    assert.deepEqual([said(), (await exec.inspect()).ExitCode], ['got word\n', 7]);
    assert.match((await container.logs({ stdout: true })).toString(), /ready/);
    assert.ok((await container.stats({ stream: false })).memory_stats.usage > 0);
    assert.match(JSON.stringify(await container.top()), /sleep 100/);
    const archive = await container.getArchive({ path: '/etc/passwd' });
    const tar = text(archive);
    await once(archive, 'end');
    await container.putArchive(Buffer.from(tar(), 'latin1'), { path: '/tmp' });
    assert.ok((await container.inspect()).State.Running);
    await container.remove({ force: true });
    for (const action of ['create', 'start', 'die', 'destroy']) while (!seen.includes(action)) await once(events, 'data');
    (events as unknown as { destroy(): void }).destroy();
  });

  test('builds with progress, tags, pulls from and pushes to a registry', async () => {
    const registry = process.env['TEST_REGISTRY'] ?? '';
    const context = { context: path.join(import.meta.dirname, '../projects/shop/web'), src: ['Dockerfile', 'site', 'conf'] };
    const steps = (await finished(await docker.buildImage(context, { t: 'node/web', buildargs: { WHO: 'node' } }))) as {
      stream?: string;
    }[];
    assert.match(steps.map((step) => step.stream ?? '').join(''), /Successfully tagged node\/web:latest/);
    await docker.getImage('node/web').tag({ repo: `${registry}/node/web`, tag: '1' });
    await finished(await docker.getImage(`${registry}/node/web`).push({ tag: '1', authconfig: { username: '', password: '' } }));
    await docker.getImage(`${registry}/node/web:1`).remove();
    await finished(await docker.pull(`${registry}/node/web:1`));
    assert.ok((await docker.listImages({ filters: { reference: [`${registry}/node/web`] } })).length === 1);
  });

  test('makes networks and volumes, and containers on them', async () => {
    const network = await docker.createNetwork({ Name: 'lane', IPAM: { Config: [{ Subnet: '10.91.0.0/24' }] } });
    const volume = await docker.createVolume({ Name: 'store' });
    const HostConfig = { NetworkMode: 'lane', Mounts: [{ Type: 'volume' as const, Source: 'store', Target: '/store' }] };
    const one = await docker.createContainer({
      Image: IMAGE,
      name: 'one',
      Cmd: ['sh', '-c', 'echo kept >/store/file; exec sleep 100'],
      HostConfig,
    });
    await one.start();
    const out = new PassThrough();
    const said = text(out);
    const script = 'until [ -s /store/file ]; do sleep 0.1; done; cat /store/file; ping -c1 -W2 one >/dev/null && echo reached';
    const [{ StatusCode }] = await docker.run(IMAGE, ['sh', '-c', script], out, {
      HostConfig: { ...HostConfig, AutoRemove: true },
      Tty: true,
    });
    assert.deepEqual([StatusCode, said().replaceAll('\r', '')], [0, 'kept\nreached\n']);
    assert.deepEqual(
      Object.values((await network.inspect()).Containers ?? {}).map((c) => (c as { Name: string }).Name),
      ['one'],
    );
    await network.disconnect({ Container: 'one' });
    await one.remove({ force: true });
    await network.remove();
    await volume.remove();
  });

  test('errors carry the status and the reason', async () => {
    await assert.rejects(docker.getContainer('nobody').inspect(), (error: { statusCode: number }) => error.statusCode === 404);
    await assert.rejects(docker.createContainer({ Image: 'not/there' }), /404.*No such image: not\/there/);
  });
});
