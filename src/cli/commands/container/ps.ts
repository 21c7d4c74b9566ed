import type { Command } from '../../command.ts';
import { bool, type Flags, filterFlag, formatFlag, int } from '../../flags/index.ts';
import { ago, decimalSize, ellipsis, localGoTime, quote } from '../../format/index.ts';
import { type ListedPort, portsText } from '../../format/ports.ts';
import type { Session } from '../../session.ts';
import { needsField, printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { filtersQuery } from '../each.ts';

/** One element of GET /containers/json, as far as it is shown. */
export interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[] | null;
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly Created: number;
  readonly State: string;
  readonly Status: string;
  readonly Ports: readonly ListedPort[] | null;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly NetworkSettings?: { readonly Networks: Readonly<Record<string, unknown>> | null } | null;
  readonly Mounts?: readonly { readonly Name?: string; readonly Source?: string; readonly Driver?: string }[] | null;
}

export const CONTAINER_HEADERS = {
  ID: 'CONTAINER ID',
  Names: 'NAMES',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
  Platform: 'PLATFORM',
};

const COMMAND_WIDTH = 20;
const MOUNT_WIDTH = 15;

/** Labels as `a=1,b=2`, sorted. */
export const labelsText = (labels: Readonly<Record<string, string>> | null | undefined) =>
  Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(',');

/** Names without the leading slash; shortened output leaves out the aliases that links give (`/a/b`). */
function namesText(names: readonly string[] | null, truncate: boolean): string {
  const plain = (names ?? []).map((name) => name.replace(/^\//, ''));
  return (truncate ? plain.filter((name) => !name.includes('/')).slice(0, 1) : plain).join(',');
}

/** The image as named at creation; when that was an id, or the name has moved on, the short id. */
function imageText(container: ListedContainer, truncate: boolean): string {
  if (container.Image === '') return '<no image>';
  if (!truncate) return container.Image;
  const shortened = container.ImageID.replace(/^sha256:/, '').slice(0, 12);
  if (container.Image.startsWith('sha256:') || container.Image === container.ImageID.replace(/^sha256:/, '')) return shortened;
  return container.Image.replace(/@sha256:[\da-f]{64}$/, '').replace(/^((?:[^/]*\/)*[^:/]+:[^@]+)@.*$/, '$1');
}

function sizeText(container: ListedContainer): string {
  const own = decimalSize(container.SizeRw ?? 0);
  return container.SizeRootFs ? `${own} (virtual ${decimalSize(container.SizeRootFs)})` : own;
}

function mountsText(container: ListedContainer, truncate: boolean): string {
  const names = (container.Mounts ?? []).map((mount) => mount.Name || mount.Source || '');
  return names.map((name) => (truncate ? ellipsis(name, MOUNT_WIDTH) : name)).join(',');
}

/** One line of `ps`. `now` in milliseconds since the epoch. */
export function containerRow(container: ListedContainer, truncate: boolean, now: number): Row {
  const command = truncate ? ellipsis(container.Command, COMMAND_WIDTH) : container.Command;
  return new Row(
    'ContainerContext',
    {
      ID: () => (truncate ? container.Id.slice(0, 12) : container.Id),
      Names: () => namesText(container.Names, truncate),
      Image: () => imageText(container, truncate),
      Command: () => quote(command),
      CreatedAt: () => localGoTime(container.Created),
      RunningFor: () => ago(container.Created * 1000, now),
      Ports: () => portsText(container.Ports ?? []),
      State: () => container.State,
      Status: () => container.Status,
      Size: () => sizeText(container),
      Labels: () => labelsText(container.Labels),
      Mounts: () => mountsText(container, truncate),
      LocalVolumes: () => String((container.Mounts ?? []).filter((mount) => mount.Driver === 'local').length),
      Networks: () =>
        Object.keys(container.NetworkSettings?.Networks ?? {})
          .sort()
          .join(','),
      Platform: () => null,
    },
    { Label: (name) => container.Labels?.[String(name)] ?? '' },
  );
}

function chooseFormat(session: Session, flags: Flags) {
  if (flags.bool('quiet')) {
    if (flags.given('format')) session.err('WARNING: Ignoring custom format, because both --format and --quiet are set.\n');
    return readFormat('{{.ID}}', '');
  }
  const size = flags.bool('size') ? '\t{{.Size}}' : '';
  const builtIn = `{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}${size}`;
  return readFormat(flags.text('format') || (session.settings.file.psFormat ?? ''), builtIn);
}

const command: Command = {
  usage: '[OPTIONS]',
  about: 'Lists running containers, or all of them with --all.',
  flags: [
    bool('all', 'Show stopped containers too', { short: 'a' }),
    filterFlag('f'),
    formatFlag(),
    int('last', 'Show the n newest containers, whatever their state', { short: 'n', default: '-1' }),
    bool('latest', 'Show the newest container, whatever its state', { short: 'l' }),
    bool('no-trunc', 'Show ids and commands at full length'),
    bool('quiet', 'Print ids only', { short: 'q' }),
    bool('size', 'Show how much each container has written', { short: 's' }),
  ],
  args: [0, 0],
  async run(session, flags) {
    const format = chooseFormat(session, flags);
    const limit = flags.bool('latest') && !flags.given('last') ? 1 : flags.number('last');
    const given = flags.bool('quiet') ? '' : flags.text('format');
    const size = flags.bool('size') || (given !== 'json' && !format.builtIn && needsField(format, 'Size') && !flags.given('size'));
    const client = await session.client();
    const query = {
      all: flags.bool('all') || undefined,
      limit: limit > 0 ? limit : undefined,
      size: size || undefined,
      filters: filtersQuery(flags.list('filter')),
    };
    const containers = (await client.json<ListedContainer[] | null>('GET', '/containers/json', { query })) ?? [];
    const truncate = !flags.bool('no-trunc');
    const now = session.clock.now();
    printListing(
      session,
      format,
      containers.map((one) => containerRow(one, truncate, now)),
      CONTAINER_HEADERS,
      truncate,
    );
  },
};
export default command;
