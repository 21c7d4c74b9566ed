import { EngineRefusal } from '../../client/index.ts';
import { filtersQuery } from '../../commands/each.ts';
import { CommandFailure } from '../../failure.ts';
import { canonicalText } from '../plan/fingerprint.ts';
import type { Resource, Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { projectLabels } from './container-body.ts';
import type { Context } from './context.ts';
import { only } from './host-config.ts';
import { LABELS } from './labels.ts';

interface FoundResource {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const missing = (kind: string, name: string) =>
  new CommandFailure(`${kind} ${name} declared as external, but could not be found: make it first (gantry ${kind} create ${name})`);

async function find(context: Context, kind: 'network' | 'volume', name: string): Promise<FoundResource | undefined> {
  if (kind === 'network') {
    // A path would also take ids and their beginnings; the filter takes parts of names.
    const list = await context.api.client.json<FoundResource[]>('GET', '/networks', {
      query: { filters: filtersQuery([], { name: [name] }) },
    });
    return list.find((one) => one.Name === name);
  }
  try {
    return await context.api.client.json<FoundResource>('GET', `/volumes/${encodeURIComponent(name)}`);
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return undefined;
    throw error;
  }
}

function networkBody(resource: Resource, labels: Record<string, string>): Record<string, unknown> {
  const network = new Section(resource.definition);
  const ipam = network.section('ipam');
  const config = ipam.sections('config').map((one) =>
    only({
      Subnet: one.text('subnet'),
      Gateway: one.text('gateway'),
      IPRange: one.text('ip_range'),
      AuxiliaryAddresses: one.pairs('aux_addresses'),
    }),
  );
  return {
    Name: resource.name,
    Driver: network.text('driver') ?? 'bridge',
    Labels: { ...network.pairs('labels'), ...labels, [LABELS.network]: resource.key },
    ...only({
      Options: network.pairs('driver_opts'),
      Internal: network.truth('internal'),
      Attachable: network.truth('attachable'),
      EnableIPv6: network.truth('enable_ipv6'),
      IPAM: only({ Driver: ipam.text('driver'), Options: ipam.pairs('options'), Config: config }),
    }),
    ...(network.has('enable_ipv4') ? { EnableIPv4: network.truth('enable_ipv4') } : {}),
  };
}

function volumeBody(resource: Resource, labels: Record<string, string>): Record<string, unknown> {
  const volume = new Section(resource.definition);
  return {
    Name: resource.name,
    Labels: { ...volume.pairs('labels'), ...labels, [LABELS.volume]: resource.key },
    ...only({ Driver: volume.text('driver'), DriverOpts: volume.pairs('driver_opts') }),
  };
}

/** A digest of what a network or volume should be, to notice later that the file says something else. */
const hashOf = ({ definition }: Resource) => canonicalText({ ...definition, labels: null });
const HASH = 'gantry.compose.definition';

/** The resources that these services use. */
export function usedBy(context: Context, services: readonly Service[], kind: 'network' | 'volume'): Resource[] {
  const { project } = context;
  const keys = new Set(
    services.flatMap(({ definition }) => {
      const section = new Section(definition);
      if (kind === 'network') return Object.keys(section.section('networks').tree);
      return section.sections('volumes').flatMap((mount) => (mount.text('type') === 'volume' ? (mount.text('source') ?? []) : []));
    }),
  );
  const all = kind === 'network' ? project.networks : project.volumes;
  return [...keys].flatMap((key) => all.get(key) ?? []);
}

/** Those that are not there yet. Throws for what is there and is something else, and for external ones that are missing. */
export async function missingResources(context: Context, services: readonly Service[], kind: 'network' | 'volume'): Promise<Resource[]> {
  const absent: Resource[] = [];
  for (const resource of usedBy(context, services, kind)) {
    const found = await find(context, kind, resource.name);
    if (resource.external && !found && !['host', 'bridge', 'none'].includes(resource.name)) throw missing(kind, resource.name);
    if (resource.external) continue;
    if (!found) absent.push(resource);
    else checkSame(context, resource, found, kind);
  }
  return absent;
}

function checkSame(context: Context, resource: Resource, { Labels }: FoundResource, kind: string): void {
  const owner = Labels?.[LABELS.project];
  if (owner !== undefined && owner !== context.project.name)
    throw new CommandFailure(`${kind} ${resource.name} belongs to the project ${owner}: give it another name, or say external: true`);
  const before = Labels?.[HASH];
  if (before === undefined || before === hashOf(resource)) return;
  const advice =
    kind === 'network'
      ? `gantry compose down removes it, the next up makes it anew`
      : `its data would be lost: remove it yourself (gantry volume rm ${resource.name}), or put the file back`;
  throw new CommandFailure(`${kind} ${resource.name} is there with other settings than the file says now: ${advice}`);
}

export async function createResource(context: Context, resource: Resource, kind: 'network' | 'volume'): Promise<void> {
  const what = `${kind === 'network' ? 'Network' : 'Volume'} ${resource.name}`;
  const labels = { ...projectLabels(context.project, context.version), [HASH]: hashOf(resource) };
  context.progress.set(what, 'Creating');
  if (kind === 'network') await context.api.client.json('POST', '/networks/create', { body: networkBody(resource, labels) });
  else await context.api.client.json('POST', '/volumes/create', { body: volumeBody(resource, labels) });
  context.progress.set(what, 'Created', 'done');
}

/** Networks or volumes that were made for a project, whatever its files say now. */
export async function projectResources(context: Pick<Context, 'api' | 'project'>, kind: 'network' | 'volume'): Promise<string[]> {
  const query = { filters: filtersQuery([], { label: [`${LABELS.project}=${context.project.name}`] }) };
  if (kind === 'network') return (await context.api.client.json<FoundResource[]>('GET', '/networks', { query })).map(({ Name }) => Name);
  return ((await context.api.client.json<{ Volumes: FoundResource[] | null }>('GET', '/volumes', { query })).Volumes ?? []).map(
    ({ Name }) => Name,
  );
}

export async function removeResource(context: Context, name: string, kind: 'network' | 'volume'): Promise<void> {
  const what = `${kind === 'network' ? 'Network' : 'Volume'} ${name}`;
  context.progress.set(what, 'Removing');
  try {
    await context.api.client.text('DELETE', `/${kind}s/${encodeURIComponent(name)}`);
    context.progress.set(what, 'Removed', 'done');
  } catch (error) {
    if (!(error instanceof EngineRefusal) || ![403, 404, 409].includes(error.status)) throw error;
    context.progress.set(what, error.status === 404 ? 'Removed' : 'Resource is still in use', error.status === 404 ? 'done' : 'warning');
  }
}
