import { invalid } from '../../../base/index.ts';
import type { Engine } from '../../../engine/index.ts';
import { type ContainerRecord, isAlive, type PortRequest, type PublishedPort } from '../../../model/index.ts';
import { parseRange } from '../decode/ports.ts';
import { networkModeText } from '../encode/host-config.ts';
import { type Filters, invalidFilter, matchesLabels } from './filters.ts';
import { compilePattern } from './pattern.ts';

export const CONTAINER_FILTERS = [
  'ancestor',
  'before',
  'since',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'label!',
  'name',
  'network',
  'publish',
  'status',
  'volume',
];

const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy'];

/** The filters of one list request as a test. References in them (before, since, ancestor) are resolved once. */
export function containerFilter(filters: Filters, engine: Engine): (record: ContainerRecord) => boolean {
  if (filters.empty) return () => true;
  checkValues(filters);
  const before = createdOf(filters, 'before', engine);
  const since = createdOf(filters, 'since', engine);
  const ancestors = filters.has('ancestor') ? ancestorIds(filters, engine) : undefined;
  const task = filters.boolean('is-task');
  const ids = testsOf(filters, 'id', (id) => compilePattern('id', `^${id.replace(/^\^/, '')}`));
  const names = testsOf(filters, 'name', nameTest);
  return (record) =>
    (before === undefined || record.createdAt < before) &&
    (since === undefined || record.createdAt > since) &&
    // Nothing here is a task of a service.
    task !== true &&
    (!ancestors || ancestors(record)) &&
    matchesLabels(filters, record.spec.labels) &&
    (!ids || ids.some((test) => test(record.id))) &&
    (!names || names.some((test) => test(record.name))) &&
    matchesState(filters, record) &&
    filters.any('volume', (wanted) => usesVolume(record, wanted)) &&
    filters.any('network', (wanted) => onNetwork(record, wanted, engine)) &&
    filters.any('publish', (wanted) => hasPort(wanted, publishedPorts(record))) &&
    filters.any('expose', (wanted) => hasPort(wanted, exposedPorts(record)));
}

/** Status filters ask for stopped containers too, so that `all` is implied by them. */
export function impliesAll(filters: Filters): boolean {
  return filters.has('status') || filters.has('exited');
}

function checkValues(filters: Filters): void {
  for (const status of filters.get('status'))
    if (!STATUSES.includes(status)) throw invalid(`invalid filter 'status=${status}': use one of ${STATUSES.join(', ')}`);
  for (const health of filters.get('health'))
    if (!HEALTH.includes(health)) throw invalid(`invalid filter 'health=${health}': use one of ${HEALTH.join(', ')}`);
  for (const code of filters.get('exited')) if (!/^-?\d+$/.test(code)) throw invalidFilter('exited', code);
  for (const name of ['publish', 'expose']) for (const port of filters.get(name)) portRange(name, port);
}

function createdOf(filters: Filters, name: 'before' | 'since', engine: Engine): string | undefined {
  const times = filters.get(name).map((reference) => engine.containers.get(reference).createdAt);
  return name === 'before' ? times.sort()[0] : times.sort().at(-1);
}

/** An image of that name or id, and those that were built on it (their layers begin with its layers). */
function ancestorIds(filters: Filters, engine: Engine): (record: ContainerRecord) => boolean {
  const wanted = filters.get('ancestor');
  const ids = new Set<string>();
  for (const reference of wanted) {
    const base = engine.images.list().find((image) => matchesImage(reference, image.id, image.tags, image.digests));
    if (!base) continue;
    for (const image of engine.images.list()) if (base.layers.every((layer, index) => image.layers[index] === layer)) ids.add(image.id);
  }
  return (record) => ids.has(record.spec.imageId) || wanted.includes(record.spec.image);
}

function matchesImage(reference: string, id: string, tags: readonly string[], digests: readonly string[]): boolean {
  const hex = reference.replace(/^sha256:/, '');
  return (
    tags.includes(reference) ||
    tags.includes(`${reference}:latest`) ||
    digests.includes(reference) ||
    (/^[0-9a-f]{4,64}$/.test(hex) && id.startsWith(`sha256:${hex}`))
  );
}

/** Undefined when nothing was asked. */
function testsOf(
  filters: Filters,
  name: string,
  compile: (value: string) => (text: string) => boolean,
): ((text: string) => boolean)[] | undefined {
  const values = filters.get(name);
  return values.length === 0 ? undefined : values.map(compile);
}

/** Docker tests the pattern with and without the slash that its names begin with. */
function nameTest(pattern: string): (name: string) => boolean {
  const whole = compilePattern('name', pattern);
  const bare = pattern.startsWith('/') ? compilePattern('name', pattern.slice(1)) : () => false;
  return (name) => whole(name) || whole(`/${name}`) || bare(name);
}

function matchesState(filters: Filters, { state }: ContainerRecord): boolean {
  return (
    filters.any('status', (status) => state.status === status) &&
    filters.any('health', (health) => (state.health?.status ?? 'none') === health) &&
    (!filters.has('exited') ||
      (!isAlive(state) && state.status !== 'created' && filters.any('exited', (code) => state.exitCode === Number(code))))
  );
}

function usesVolume(record: ContainerRecord, wanted: string): boolean {
  return record.spec.mounts.some((mount) => mount.target === wanted || (mount.type !== 'tmpfs' && mount.source === wanted));
}

function onNetwork(record: ContainerRecord, wanted: string, engine: Engine): boolean {
  if (networkModeText(record.spec.networkMode) === wanted) return true;
  if (record.state.endpoints.some((endpoint) => endpoint.networkName === wanted || endpoint.networkId === wanted)) return true;
  const network = engine.network
    .list()
    .find((candidate) => candidate.id === wanted || (wanted.length >= 4 && candidate.id.startsWith(wanted)));
  return network !== undefined && networkModeText(record.spec.networkMode) === network.name;
}

function portRange(name: string, text: string): { from: number; to: number; protocol: string } {
  const [range = '', protocol = 'tcp'] = text.split('/');
  const ports = parseRange(range);
  if (!ports || !['tcp', 'udp', 'sctp'].includes(protocol)) throw invalidFilter(name, text);
  return { ...ports, protocol };
}

interface PortRun {
  port: number;
  protocol: string;
  /** Ports in a row; 1 when absent. */
  count?: number;
}

function hasPort(text: string, ports: PortRun[]): boolean {
  const { from, to, protocol } = portRange('publish', text);
  return ports.some(({ port, count = 1, protocol: own }) => own === protocol && port + count > from && port <= to);
}

const runOf = ({ containerPort, protocol, count = 1 }: PublishedPort | PortRequest): PortRun => ({ port: containerPort, protocol, count });

function publishedPorts({ state, spec }: ContainerRecord): PortRun[] {
  return [...state.publishedPorts, ...spec.ports].map(runOf);
}

function exposedPorts({ spec }: ContainerRecord): PortRun[] {
  return [...spec.exposedPorts, ...spec.ports.map(runOf)];
}
