import { type Import, importsOf, type SourceFile } from './source-files.ts';

/** Height of each room: a room imports only rooms below it, never one beside it (docs: ARCHITECTURE.md). */
const LEVELS: Readonly<Record<string, number>> = {
  base: -1,
  model: 0,
  store: 1,
  host: 1,
  images: 2,
  runtime: 2,
  network: 2,
  volumes: 2,
  engine: 3,
  build: 3,
  registry: 3,
  scan: 3,
  disk: 3,
  cluster: 3,
  balancer: 3,
  api: 4,
  cli: 4,
  main: 5,
};

/** The only steps between neighbours, as [folder, room]. */
const SIDEWAYS: readonly (readonly [string, string])[] = [
  ['src/build/', 'engine'],
  // It weighs what both keep, and asks both to let go.
  ['src/disk/', 'engine'],
  ['src/disk/', 'build'],
  ['src/cluster/agent/', 'engine'],
];

/** What reaches the machine stays in one room. */
const HOST_ONLY = new Set(['node:child_process', 'child_process']);
/** What the pure rooms may take from Node: arithmetic on bytes and texts, no files, processes, sockets or clocks. */
const PURE = new Set(['node:crypto', 'node:path', 'node:util', 'node:buffer', 'node:net']);

/** The complaints about every import that breaks the order of the rooms. */
export function layerComplaints(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .map((entry) => ({ entry, why: complaint(file.path, entry) }))
      .filter(({ why }) => why !== undefined)
      .map(({ entry, why }) => `${file.path}:${entry.line}: ${why}`),
  );
}

function complaint(from: string, entry: Import): string | undefined {
  const room = roomOf(from);
  if (room === undefined) return undefined;
  if (LEVELS[topOf(room)] === undefined) return `room '${room}' has no level: add it to tools/layers.ts`;
  return entry.target === undefined ? packageComplaint(from, room, entry) : roomComplaint(from, room, entry.target);
}

function packageComplaint(from: string, room: string, entry: Import): string | undefined {
  const test = from.endsWith('.test.ts');
  if (HOST_ONLY.has(entry.specifier) && room !== 'host' && !test) return `only src/host may import '${entry.specifier}'`;
  const pure = room === 'base' || room === 'model';
  if (pure && !test && !PURE.has(entry.specifier)) return `'${room}' is pure and may not import '${entry.specifier}'`;
  return undefined;
}

function roomComplaint(from: string, room: string, target: string): string | undefined {
  const other = roomOf(target);
  if (other === undefined) return `'${target}' is outside src`;
  if (other === room) return managerComplaint(from, target);
  const below = (LEVELS[topOf(other)] ?? Number.POSITIVE_INFINITY) < (LEVELS[topOf(room)] ?? 0);
  const sideways = SIDEWAYS.some(([folder, neighbour]) => from.startsWith(folder) && other === neighbour);
  // Every dialect stands on the HTTP server; it knows none of them.
  const dialect = topOf(room) === 'api' && other === 'api/http';
  if (!below && !sideways && !dialect) return `'${room}' may not import '${other}'`;
  if (isForTests(from) && target.startsWith(`src/${other}/testing/`)) return undefined;
  if (target !== `src/${other}/index.ts`) return `'${other}' is imported only through its index.ts, not '${target}'`;
  return undefined;
}

/** What a room lends to the tests of others stays out of its index, and so out of the product. */
const isForTests = (file: string) => file.endsWith('.test.ts') || file.includes('/testing/');

/** Within the cluster, the manager's side never knows the agent. */
function managerComplaint(from: string, target: string): string | undefined {
  const agent = 'src/cluster/agent/';
  if (!from.startsWith('src/cluster/') || from.startsWith(agent) || !target.startsWith(agent)) return undefined;
  return `the manager's side of 'cluster' may not import its agent`;
}

/** `images` for src/images/…, `api/docker` for src/api/docker/…; undefined outside src. */
function roomOf(file: string): string | undefined {
  const [top, room, inner, ...rest] = file.split('/');
  if (top !== 'src' || room === undefined || inner === undefined) return undefined;
  return room === 'api' && rest.length > 0 ? `api/${inner}` : room;
}

function topOf(room: string): string {
  return room.split('/')[0] ?? room;
}
