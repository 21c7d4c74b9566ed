import { readFileSync } from 'node:fs';
import { encodeTarHeader, paddingOf, tarEnd } from '../../src/base/index.ts';
import { EngineClient, type Reply } from '../support/engine-client.ts';
import type { Random } from '../support/random.ts';

/** What must hold of a container after the daemon was killed, as far as replies have said so. */
export type Expected = 'created' | 'running' | 'exited' | 'paused' | 'gone' | 'unknown';

export interface Tracked {
  name: string;
  expected: Expected;
  /** What was under way when the daemon was killed. */
  last: string;
}

interface Verb {
  name: string;
  from: readonly Expected[];
  to: Expected;
  run(client: EngineClient, name: string, random: Random): Promise<Reply>;
}

const post = (client: EngineClient, path: string, body?: unknown) => client.call('POST', path, body);

const VERBS: readonly Verb[] = [
  { name: 'start', from: ['created', 'exited'], to: 'running', run: (c, n) => post(c, `/containers/${n}/start`) },
  { name: 'stop', from: ['running'], to: 'exited', run: (c, n) => post(c, `/containers/${n}/stop?t=1`) },
  { name: 'kill', from: ['running'], to: 'exited', run: (c, n) => post(c, `/containers/${n}/kill?signal=KILL`) },
  { name: 'restart', from: ['running'], to: 'running', run: (c, n) => post(c, `/containers/${n}/restart?t=0`) },
  { name: 'pause', from: ['running'], to: 'paused', run: (c, n) => post(c, `/containers/${n}/pause`) },
  { name: 'unpause', from: ['paused'], to: 'running', run: (c, n) => post(c, `/containers/${n}/unpause`) },
  { name: 'exec', from: ['running'], to: 'running', run: exec },
  { name: 'copy', from: ['created', 'running', 'exited'], to: 'unknown', run: copy },
  {
    name: 'remove',
    from: ['created', 'exited', 'running', 'paused'],
    to: 'gone',
    run: (c, n) => c.call('DELETE', `/containers/${n}?force=1&v=1`),
  },
];

async function exec(client: EngineClient, name: string): Promise<Reply> {
  const { Id } = await client.json<{ Id: string }>('POST', `/containers/${name}/exec`, { Cmd: ['true'], AttachStdout: true });
  return await post(client, `/exec/${Id}/start`, { Detach: true });
}

async function copy(client: EngineClient, name: string, random: Random): Promise<Reply> {
  const content = Buffer.alloc(random.integer(300_000), 'x');
  const header = encodeTarHeader({ type: 'file', name: 'copied', mode: 0o644, size: content.length });
  return await client.call(
    'PUT',
    `/containers/${name}/archive?path=/tmp`,
    Buffer.concat([header, content, Buffer.alloc(paddingOf(content.length)), tarEnd()]),
  );
}

/** Works on containers of its own, one verb after the other, until the daemon is gone. Resolves when a connection breaks. */
export async function worker(socket: string, prefix: string, image: string, tracked: Tracked[], random: Random): Promise<void> {
  const client = new EngineClient(socket);
  const mine: Tracked[] = [];
  for (let count = 0; ; count++) {
    const known = mine.filter((t) => t.expected !== 'gone');
    const fresh = known.length === 0 || random.next() < 0.3;
    const target: Tracked = fresh ? { name: `${prefix}-${count}`, expected: 'unknown', last: 'create' } : random.pick(known);
    if (fresh) {
      mine.push(target);
      tracked.push(target);
    }
    if (!(await (fresh ? create(client, target, image, random) : act(client, target, random)))) return;
  }
}

/** A volume that is mounted for as long as a container uses it. */
export const SHARED_VOLUME = 'shared';
const SHARED = [
  {
    ...{ Type: 'volume', Source: SHARED_VOLUME, Target: '/shared' },
    VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } } },
  },
];

/** Enough for one range. */
const MANY_PORTS = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${9000 + at}/tcp`, {}]));

/** Whether the daemon is still there. */
async function create(client: EngineClient, target: Tracked, image: string, random: Random): Promise<boolean> {
  const body = {
    Image: image,
    Cmd: ['sleep', '1000'],
    StopSignal: 'SIGKILL',
    Volumes: random.next() < 0.3 ? { '/data': {} } : {},
    ExposedPorts: random.next() < 0.3 ? MANY_PORTS : { '80/tcp': {} },
    Labels: random.pick([{}, {}, { 'gantry.expose': 'lan' }, { 'gantry.expose': 'host' }]),
    HostConfig: {
      PublishAllPorts: random.next() < 0.4,
      Mounts: random.next() < 0.3 ? SHARED : [],
      NetworkMode: random.pick(['bridge', 'bridge', 'none', 'host']),
      Runtime: random.next() < 0.1 ? 'runc' : '',
    },
  };
  return await attempt(target, 'created', 'create', () => post(client, `/containers/create?name=${target.name}`, body));
}

async function act(client: EngineClient, target: Tracked, random: Random): Promise<boolean> {
  const possible = VERBS.filter((verb) => verb.from.includes(target.expected));
  const verb = random.pick(possible.length > 0 ? possible : VERBS.filter((v) => v.name === 'remove'));
  const before = target.expected;
  return await attempt(target, verb.name === 'copy' ? before : verb.to, verb.name, () => verb.run(client, target.name, random));
}

const HARMED = /(Joining|Setting up|Making|Giving) .*(bridge|eth0).* failed: E(NODEV|INVAL|NETUNREACH)\b/;

async function attempt(target: Tracked, reached: Expected, verb: string, run: () => Promise<Reply>): Promise<boolean> {
  target.expected = 'unknown';
  target.last = verb;
  try {
    const { status, body } = await run();
    // In a round with a vandal: a link may be deleted while it is being made, and who asked is told so.
    if (status === 500 && HARMED.test(body.toString())) return true;
    if (status >= 400) throw new Error(`${verb} of ${target.name} was refused with ${status}: ${body}`);
    target.expected = reached;
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOENT'].includes(code) || /connection broke|socket hang up/.test(String(error)))
      return false;
    throw error;
  }
}

/** Loads an archive again and again until the daemon is gone. */
export async function loader(socket: string, archive: string): Promise<void> {
  const client = new EngineClient(socket);
  const data = readFileSync(archive);
  await untilGone(() => client.call('POST', '/images/load?quiet=1', data));
}

/** Pulls an image and removes it, again and again until the daemon is gone. */
export async function puller(socket: string, image: string): Promise<void> {
  const client = new EngineClient(socket);
  await untilGone(async () => {
    await client.call('POST', `/images/create?fromImage=${encodeURIComponent(image)}`);
    await client.call('DELETE', `/images/${image}?force=1`);
  });
}

export async function untilGone(work: () => Promise<unknown>): Promise<void> {
  try {
    for (;;) await work();
  } catch (error) {
    if (!/ECONN|EPIPE|ENOENT|broke|hang up/.test(String(error))) throw error;
  }
}
