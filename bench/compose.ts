// How long engines take for an application and for a container on a network that someone made, side by side.
//
//   bin/node bench/compose.ts [--rounds N] [--app FOLDER] NAME=SOCKET…
//
// The first engine is the measure of the others. Rounds are interleaved (A B, B A, …), so that ratios hold on a noisy machine. Needs `docker
// compose` (DOCKER, default: .cache/clients/docker) and, in each engine, gantry/busybox and the images of examples/voting-app
// (sh tools/images.sh busybox redis postgres python node, then `docker load` each). An engine must see FOLDER by the same path.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, app: { type: 'string', default: path.join(root, 'examples/voting-app') } },
  allowPositionals: true,
});
const engines = positionals.map((text) => {
  const [name, socket] = text.split('=');
  if (!name || !socket) throw new Error(`'${text}' is not NAME=SOCKET`);
  return { name, socket };
});
type Engine = (typeof engines)[number];
if (engines.length === 0) throw new Error('name the engines: NAME=SOCKET…');

const config = mkdtempSync(path.join(tmpdir(), 'gantry-bench-'));
symlinkSync(path.join(root, '.cache/clients/cli-plugins'), path.join(config, 'cli-plugins'));

async function compose(engine: Engine, ...args: string[]): Promise<void> {
  const docker = process.env['DOCKER'] ?? path.join(root, '.cache/clients/docker');
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: config };
  const child = spawn(docker, ['compose', '-p', 'bench', ...args], { cwd: values.app, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`${engine.name}: docker compose ${args.join(' ')} ended with ${status}: ${said}`);
}

async function ask(engine: Engine, method: string, url: string, body?: unknown): Promise<string> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const asked = request({ socketPath: engine.socket, method, path: url, headers: { 'Content-Type': 'application/json' } });
  asked.end(text);
  const [answer] = await once(asked, 'response');
  let said = '';
  for await (const chunk of answer) said += chunk;
  if (answer.statusCode >= 400) throw new Error(`${engine.name}: ${method} ${url}: ${answer.statusCode} ${said}`);
  return said;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

const make = (engine: Engine, command: string[]) =>
  ask(engine, 'POST', '/containers/create', { Image: 'gantry/busybox', Cmd: command, HostConfig: { NetworkMode: 'bench-lane' } }).then(
    (text) => (JSON.parse(text) as { Id: string }).Id,
  );

/** Each answers milliseconds of one round. */
const WORK: Record<string, (engine: Engine) => Promise<number>> = {
  'start on a user network': async (engine) => {
    const id = await make(engine, ['sleep', '100']);
    const time = await timed(() => ask(engine, 'POST', `/containers/${id}/start`));
    await ask(engine, 'DELETE', `/containers/${id}?force=1`);
    return time;
  },
  'create + start + wait + remove of `true` there': (engine) =>
    timed(async () => {
      const id = await make(engine, ['true']);
      await ask(engine, 'POST', `/containers/${id}/start`);
      await ask(engine, 'POST', `/containers/${id}/wait`);
      await ask(engine, 'DELETE', `/containers/${id}`);
    }),
  'compose up --detach': (engine) => timed(() => compose(engine, 'up', '--detach', '--no-build')),
  'compose down': (engine) => timed(() => compose(engine, 'down')),
  'compose up --wait': (engine) => timed(() => compose(engine, 'up', '--detach', '--wait', '--no-build')),
  'compose down --volumes': (engine) => timed(() => compose(engine, 'down', '--volumes')),
  'compose up --wait, new database': (engine) => timed(() => compose(engine, 'up', '--detach', '--wait', '--no-build')),
};

const times = new Map<string, number[]>();
const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
const key = (work: string, engine: Engine) => `${work}|${engine.name}`;

for (const engine of engines) {
  await ask(engine, 'POST', '/networks/create', { Name: 'bench-lane' });
  await compose(engine, 'build', '--quiet');
  await compose(engine, 'up', '--detach', '--wait');
  await compose(engine, 'down');
}
try {
  for (let round = 0; round < Number(values.rounds); round++)
    for (const engine of round % 2 === 0 ? engines : engines.toReversed()) {
      for (const [name, work] of Object.entries(WORK)) {
        const list = times.get(key(name, engine)) ?? [];
        list.push(await work(engine));
        times.set(key(name, engine), list);
      }
      await compose(engine, 'down');
    }
} finally {
  for (const engine of engines) {
    await compose(engine, 'down', '--volumes');
    await ask(engine, 'DELETE', '/networks/bench-lane');
  }
  rmSync(config, { recursive: true });
}

console.log(`| work (median of ${values.rounds}, ms) | ${engines.map(({ name }) => name).join(' | ')} | ratio |`);
console.log(`|---|${'---:|'.repeat(engines.length + 1)}`);
for (const name of Object.keys(WORK)) {
  const row = engines.map((engine) => median(times.get(key(name, engine)) ?? []));
  console.log(`| ${name} | ${row.map((time) => time.toFixed(0)).join(' | ')} | ${((row.at(-1) ?? 0) / (row[0] ?? 1)).toFixed(2)} |`);
}
