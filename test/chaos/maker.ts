import { randomBytes } from 'node:crypto';
import { encodeTarHeader, paddingOf, tarEnd } from '../../src/base/index.ts';
import { EngineClient } from '../support/engine-client.ts';
import type { Random } from '../support/random.ts';
import { untilGone } from './workers.ts';

/** Makes images, by builds and by commits of running containers, until the daemon is gone. What it makes has names of its own. */
export async function maker(socket: string, prefix: string, image: string, random: Random): Promise<void> {
  const client = new EngineClient(socket);
  let count = 0;
  await untilGone(async () => {
    count += 1;
    const name = `${prefix}-${count}`;
    if (random.next() < 0.6) await build(client, name, image, random);
    else await commit(client, name, image, random);
  });
}

async function build(client: EngineClient, name: string, image: string, random: Random): Promise<void> {
  const steps = [
    `FROM ${image} AS one`,
    'RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/scratch date >>/cache/times; sleep 0.0$(($$ % 9)); cp /cache/times /times',
    `FROM ${image}`,
    'WORKDIR /made',
    'COPY file .',
    `RUN head -c ${random.integer(1_000_000)} /dev/urandom >random`,
    // Stages side by side, and one that waits for the other.
    'COPY --from=one /times .',
  ];
  const context = tar({ Dockerfile: Buffer.from(`${steps.join('\n')}\n`), file: randomBytes(random.integer(500_000)) });
  const nocache = random.next() < 0.3 ? '&nocache=1' : '';
  const { status, body } = await client.call('POST', `/build?t=${name}:1&networkmode=none${nocache}`, context);
  const failed = /"error":"(.*?)"/.exec(body.toString())?.[1];
  if (status === 503 && /no room for/.test(body.toString())) return;
  if (status >= 300 || (failed !== undefined && !/no room for|No such image/.test(failed)))
    throw new Error(`a build failed with ${status}: ${body.toString().slice(-600)}`);
}

/** A container whose files change while it is committed. */
async function commit(client: EngineClient, name: string, image: string, random: Random): Promise<void> {
  const Cmd = [
    'sh',
    '-c',
    `i=0; while :; do head -c ${random.integer(200_000)} /dev/urandom >/tmp/$((i%20)); i=$((i+1)); sleep 0.01; done`,
  ];
  const body = { Image: image, Cmd, StopSignal: 'SIGKILL', HostConfig: { NetworkMode: 'none' } };
  const made = await client.call('POST', `/containers/create?name=${name}`, body);
  if (made.status >= 300) return await expected(made, /no room for|No such image/);
  await client.call('POST', `/containers/${name}/start`);
  await expected(
    await client.call('POST', `/commit?container=${name}&repo=${name}&tag=1&pause=${random.integer(2)}`),
    /no room for|No such container/,
  );
  await client.call('DELETE', `/containers/${name}?force=1&v=1`);
}

async function expected({ status, body }: { status: number; body: Buffer }, also: RegExp): Promise<void> {
  if (status >= 300 && !also.test(body.toString())) throw new Error(`an image could not be made: ${status} ${body}`);
}

function tar(files: Record<string, Buffer>): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => [
    encodeTarHeader({ type: 'file', name, mode: 0o644, size: content.length }),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ]);
  return Buffer.concat([...parts, tarEnd()]);
}
