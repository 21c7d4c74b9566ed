import { invalid } from '../../base/index.ts';
import type { ContainerSpec, HealthCheck, ImageRecord, MountSpec } from '../../model/index.ts';
import type { CreateContainer } from '../engine.ts';

/**
 * Fills what the request left open from the image (OCI image-spec, conversion to a run-time configuration; Docker's rules
 * where it says nothing): an entrypoint of the request drops the image's command, variables are merged by name, labels by key.
 */
export function mergeImage(request: CreateContainer['spec'], image: ImageRecord, containerId: string): ContainerSpec {
  const config = image.config;
  const ownEntrypoint = request.entrypoint !== undefined;
  const entrypoint = clear(request.entrypoint ?? config.entrypoint ?? []);
  const ownCommand = request.command !== undefined && request.command.length > 0;
  const command = ownCommand ? (request.command ?? []) : ownEntrypoint ? [] : (config.cmd ?? []);
  if (entrypoint.length === 0 && command.length === 0)
    throw invalid('no command specified', `Image ${request.image} names none: give one after the image.`);
  const healthCheck = mergeHealth(request.healthCheck, config.healthcheck);
  const { healthCheck: _requested, ...rest } = request;
  return {
    ...rest,
    imageId: image.id,
    entrypoint,
    command,
    environment: mergeEnvironment(config.env, request.environment),
    labels: { ...config.labels, ...request.labels },
    user: request.user || config.user,
    workingDirectory: request.workingDirectory || config.workingDir,
    stopSignal: request.stopSignal || config.stopSignal || 'SIGTERM',
    hostname: request.hostname || (request.utsMode.kind === 'host' ? '' : containerId.slice(0, 12)),
    exposedPorts: mergeExposed(request.exposedPorts, config.exposedPorts),
    ...(healthCheck ? { healthCheck } : {}),
  };
}

/** `--entrypoint ""` arrives as [''] and clears the image's. */
function clear(entrypoint: string[]): string[] {
  return entrypoint.length === 1 && entrypoint[0] === '' ? [] : entrypoint;
}

/** The request's, then what only the image has, as Docker orders them; a bare `NAME` in the request takes the variable away. */
export function mergeEnvironment(image: readonly string[], request: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of request) merged.set(nameOf(entry), entry);
  for (const entry of image) if (!merged.has(nameOf(entry))) merged.set(nameOf(entry), entry);
  return [...merged.values()].filter((entry) => entry.includes('='));
}

function nameOf(entry: string): string {
  const at = entry.indexOf('=');
  return at < 0 ? entry : entry.slice(0, at);
}

function mergeExposed(request: ContainerSpec['exposedPorts'], image: readonly string[]): ContainerSpec['exposedPorts'] {
  const all = new Map(request.map((p) => [`${p.port}/${p.protocol}`, p]));
  for (const text of image) {
    const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text);
    if (!match) throw invalid(`The image exposes an invalid port: ${text}`);
    const protocol = (match[3] ?? 'tcp') as 'tcp' | 'udp' | 'sctp';
    for (let port = Number(match[1]); port <= Number(match[2] ?? match[1]); port++) {
      if (!all.has(`${port}/${protocol}`)) all.set(`${port}/${protocol}`, { port, protocol });
    }
  }
  return [...all.values()];
}

/** Field by field: what the request leaves at zero comes from the image. `NONE` switches the check off. */
export function mergeHealth(request: HealthCheck | undefined, image: HealthCheck | undefined): HealthCheck | undefined {
  const test = request?.test.length ? request.test : (image?.test ?? []);
  if (test.length === 0) return undefined;
  if (test[0] === 'NONE') return { test: ['NONE'], interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
  return {
    test,
    interval: request?.interval || image?.interval || 0,
    timeout: request?.timeout || image?.timeout || 0,
    startPeriod: request?.startPeriod || image?.startPeriod || 0,
    startInterval: request?.startInterval || image?.startInterval || 0,
    retries: request?.retries || image?.retries || 0,
  };
}

/**
 * The mounts of a container: its own, then those of `--volumes-from`, then anonymous volumes for the image's VOLUMEs.
 * The first of these to claim a target keeps it; of several `--volumes-from` the last one does, as in Docker.
 */
export function mergeMounts(
  own: readonly MountSpec[],
  from: readonly MountSpec[],
  imageVolumes: readonly string[],
  nextName: () => string,
): MountSpec[] {
  const byTarget = new Map<string, MountSpec>();
  for (const mount of own) {
    if (byTarget.has(mount.target)) throw invalid(`Duplicate mount point: ${mount.target}`);
    byTarget.set(mount.target, mount.type === 'volume' && mount.source === '' ? { ...mount, source: nextName(), anonymous: true } : mount);
  }
  const inherited = new Map(from.map((mount) => [mount.target, mount]));
  for (const [target, mount] of inherited) if (!byTarget.has(target)) byTarget.set(target, mount);
  for (const path of imageVolumes) {
    const target = normalizeTarget(path);
    if (!byTarget.has(target))
      byTarget.set(target, { type: 'volume', source: nextName(), target, readOnly: false, anonymous: true, noCopy: false });
  }
  return [...byTarget.values()];
}

function normalizeTarget(path: string): string {
  const parts = path.split('/').filter((p) => p !== '' && p !== '.');
  if (parts.includes('..')) throw invalid(`The image declares an invalid volume path: ${path}`);
  return `/${parts.join('/')}`;
}
