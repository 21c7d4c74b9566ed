import type { Mapping, Tree } from '../document/tree.ts';
import type { Paths } from '../project/paths.ts';
import type { Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { mount, pair, ports } from '../project/short-forms.ts';
import { LABELS } from './labels.ts';

/** What one run of a service has that its containers have not. */
export interface OneOffWishes {
  /** Empty takes the service's own. */
  readonly command: readonly string[];
  readonly entrypoint?: readonly string[];
  /** NAME=value, or a name whose value is that around. */
  readonly environment: readonly string[];
  readonly labels: readonly string[];
  readonly user: string;
  readonly folder: string;
  readonly publish: readonly string[];
  readonly servicePorts: boolean;
  readonly volumes: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** Others find it by the service's names. */
  readonly aliases: boolean;
}

const listOf = (tree: Tree | undefined): Tree[] => (Array.isArray(tree) ? tree : []);

/** The service as one run wants it: its ports are not published unless asked for, and it is not started again. */
export function oneOffService(
  { name, definition }: Service,
  wishes: OneOffWishes,
  paths: Paths,
  lookup: (name: string) => string | undefined,
): Service {
  const section = new Section(definition);
  const { container_name: _name, ...rest } = definition;
  const inherited = wishes.environment
    .map(pair)
    .flatMap(([key, value]) => (value === null && lookup(key) === undefined ? [] : [[key, value ?? lookup(key) ?? '']]));
  const labels = wishes.labels.map(pair).map(([key, value]) => [key, value ?? '']);
  const networks = section.entries('networks').map(([key, wish]) => [key, wishes.aliases ? wish : withoutAddress(wish)]);
  const made: Mapping = {
    ...rest,
    ports: [...(wishes.servicePorts ? listOf(definition['ports']) : []), ...wishes.publish.flatMap((one) => ports(one, undefined))],
    volumes: [...listOf(definition['volumes']), ...wishes.volumes.map((one) => mount(one, paths, undefined))],
    environment: { ...section.section('environment').tree, ...Object.fromEntries(inherited) },
    labels: { ...section.pairs('labels'), ...Object.fromEntries(labels) },
    cap_add: [...section.texts('cap_add'), ...wishes.capAdd],
    cap_drop: [...section.texts('cap_drop'), ...wishes.capDrop],
    restart: 'no',
    ...(section.has('networks') ? { networks: Object.fromEntries(networks) } : {}),
    ...(wishes.user === '' ? {} : { user: wishes.user }),
    ...(wishes.folder === '' ? {} : { working_dir: wishes.folder }),
    ...(wishes.entrypoint === undefined ? {} : { entrypoint: [...wishes.entrypoint], command: [] }),
    ...(wishes.command.length === 0 ? {} : { command: [...wishes.command] }),
  };
  return { name, definition: made };
}

function withoutAddress(wish: Tree): Tree {
  const { aliases: _aliases, ipv4_address: _four, ipv6_address: _six, ...rest } = new Section(wish).tree;
  return rest;
}

export interface OneOffStreams {
  readonly slug: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detached: boolean;
  readonly remove: boolean;
  readonly aliases: boolean;
  readonly size: { readonly h: number; readonly w: number } | undefined;
}

/** Makes the request for a container into that for one run. */
export function asOneOff(body: Record<string, unknown>, streams: OneOffStreams): void {
  const { stdin, detached, size } = streams;
  Object.assign(body['HostConfig'] as object, {
    AutoRemove: streams.remove && detached,
    ...(size ? { ConsoleSize: [size.h, size.w] } : {}),
  });
  Object.assign(body, {
    Tty: streams.tty,
    OpenStdin: stdin,
    StdinOnce: stdin,
    AttachStdin: stdin,
    AttachStdout: !detached,
    AttachStderr: !detached,
  });
  Object.assign(body['Labels'] as object, { [LABELS.slug]: streams.slug });
  if (streams.aliases) return;
  const { EndpointsConfig } = body['NetworkingConfig'] as { EndpointsConfig: Record<string, Record<string, unknown>> };
  for (const endpoint of Object.values(EndpointsConfig)) delete endpoint['Aliases'];
}
