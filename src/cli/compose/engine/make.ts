import { Readable } from 'node:stream';
import { encodeTarHeader, paddingOf, tarEnd } from '../../../base/index.ts';
import { containerPath } from '../../commands/each.ts';
import { dockerHash } from '../plan/docker-hash.ts';
import { needsOf } from '../plan/order.ts';
import { containerName, type ServicePlan } from '../plan/plan.ts';
import { Section } from '../project/section.ts';
import { containerBody } from './container-body.ts';
import type { Context } from './context.ts';
import { type CopiedFile, copiedFiles } from './mounts.ts';

export interface MakeOptions {
  /** The name it has in the end. */
  readonly name: string;
  /** The name that it gets at first, while another container has that one. */
  readonly temporaryName?: string;
  readonly number: number;
  readonly image: string;
  readonly imageId: string;
  readonly replaces?: string;
  readonly oneOff?: boolean;
  readonly kept?: ReadonlyMap<string, string>;
  /** Names of the containers of each service that are there by now. */
  readonly containersOf: (service: string) => readonly string[];
  /** Changes the request before it is sent. */
  readonly adjust?: (body: Record<string, unknown>) => void;
}

/** Makes one container of a service, with its secrets and configs in it. Not started. */
export async function makeContainer(
  context: Context,
  { service, keys, hash }: Pick<ServicePlan, 'service' | 'keys' | 'hash'>,
  options: MakeOptions,
): Promise<string> {
  const { api, project, version, progress } = context;
  const { keysLabel } = await import('../plan/fingerprint.ts');
  const { name, number, replaces } = options;
  const containerOf = (other: string) =>
    options.containersOf(other)[0] ?? containerName(project, project.services.get(other) ?? service, 1);
  const body = containerBody(project, service, {
    image: options.image,
    ...(options.kept ? { kept: options.kept } : {}),
    naming: { name, service: service.name, containersOf: options.containersOf, containerOf },
    identity: {
      number,
      oneOff: options.oneOff ?? false,
      hash: sharesWithOthers(service) ? await currentHash(context, service, containerOf) : hash,
      keys: keysLabel(keys),
      imageId: options.imageId,
      version,
      ...(replaces === undefined ? {} : { replaces }),
    },
  });
  options.adjust?.(body);
  const section = new Section(service.definition);
  const { id, warnings } = await api.create(options.temporaryName ?? name, body, section.text('platform'));
  for (const warning of warnings) progress.say(`WARNING: ${warning}`);
  const files = copiedFiles(section, project);
  try {
    if (files.length > 0) await copyIn(context, id, files);
  } catch (error) {
    await api.remove(id, { volumes: true });
    throw error;
  }
  return id;
}

/** Namespaces or volumes. */
const sharesWithOthers = ({ definition }: ServicePlan['service']) =>
  definition['volumes_from'] !== undefined ||
  ['network_mode', 'ipc', 'pid'].some((key) => String(definition[key] ?? '').startsWith('service:'));

/** The containers that it joins may be new since the plan was made. */
async function currentHash(context: Context, service: ServicePlan['service'], containerOf: (name: string) => string): Promise<string> {
  const ids = new Map<string, string>();
  for (const need of needsOf(context.project, service.name)) {
    const found = await context.api.find(containerOf(need.service));
    if (found) ids.set(need.service, found.Id);
  }
  return dockerHash(service.definition, (name) => ids.get(name));
}

async function copyIn(context: Context, id: string, files: readonly CopiedFile[]): Promise<void> {
  const parts = files.flatMap(({ path, content, uid, gid, mode }) => {
    const bytes = content();
    return [
      encodeTarHeader({ name: path.slice(1), type: 'file', mode, uid, gid, size: bytes.length }),
      bytes,
      Buffer.alloc(paddingOf(bytes.length)),
    ];
  });
  const folders = parentsOf(files).map((name) => encodeTarHeader({ name: `${name}/`, type: 'directory', mode: 0o755, size: 0 }));
  await context.api.client.text('PUT', containerPath(id, '/archive'), {
    query: { path: '/', copyUIDGID: '1', noOverwriteDirNonDir: 'true' },
    body: Readable.from([Buffer.concat([...folders, ...parts, tarEnd()])]),
    headers: { 'Content-Type': 'application/x-tar' },
  });
}

/** Folders of secrets that the image need not have; others are the image's own. */
const parentsOf = (files: readonly CopiedFile[]) =>
  files.some(({ path }) => path.startsWith('/run/secrets/')) ? ['run', 'run/secrets'] : [];

/** The image that containers of a service are made of. */
export function imageName(
  context: Pick<Context, 'project'>,
  service: { name: string; definition: ServicePlan['service']['definition'] },
): string {
  return new Section(service.definition).text('image') ?? `${context.project.name}-${service.name}`;
}

/** Runs what a service wants to be run in a container at a moment of its life. Throws `CommandFailure` when it fails. */
export async function runHooks(
  context: Context,
  service: ServicePlan['service'],
  id: string,
  key: 'post_start' | 'pre_stop',
): Promise<void> {
  const hooks = new Section(service.definition).sections(key);
  if (hooks.length === 0) return;
  const { runHook } = await import('./hooks.ts');
  for (const hook of hooks) await runHook(context, id, hook, `services.${service.name}.${key}`);
}
