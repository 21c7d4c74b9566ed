import { type EngineClient, EngineRefusal } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, formatFlag } from '../../flags/index.ts';
import { ago, decimalSize } from '../../format/index.ts';
import type { Session } from '../../session.ts';
import { fit, printListing, readFormat, renderListing } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { CONTAINER_HEADERS, containerRow, type ListedContainer } from '../container/ps.ts';
import { IMAGE_HEADERS, imageNames, imageRow, type ListedImage } from '../image/images.ts';
import { type ListedVolume, VOLUME_HEADERS, volumeRow } from '../volume/ls.ts';

interface CacheRecord {
  readonly ID: string;
  readonly Type: string;
  readonly Size: number;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly CreatedAt: string;
  readonly LastUsedAt?: string | null;
  readonly UsageCount: number;
}

interface DiskUsage {
  readonly LayersSize: number;
  readonly Images: readonly ListedImage[] | null;
  readonly Containers: readonly ListedContainer[] | null;
  readonly Volumes: readonly ListedVolume[] | null;
  readonly BuildCache: readonly CacheRecord[] | null;
}

interface WholeDisk {
  readonly used: number;
  readonly budget: number | null;
  readonly owners: readonly { readonly owner: string; readonly bytes: number }[];
}

const HEADERS = { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' };

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

function share(part: number, whole: number): string {
  return whole > 0 ? `${decimalSize(part, 4)} (${Math.trunc((part * 100) / whole)}%)` : decimalSize(part, 4);
}

function line(type: string, total: number, active: number, size: number, free: string): Row {
  return new Row('diskUsageContext', {
    Type: () => type,
    TotalCount: () => String(total),
    Active: () => String(active),
    Size: () => decimalSize(size, 4),
    Reclaimable: () => free,
  });
}

const isActive = (container: ListedContainer) => /running|paused|restarting/.test(container.State);

/** The four lines of `system df`. */
export function usageRows(usage: DiskUsage): Row[] {
  const images = usage.Images ?? [];
  const containers = usage.Containers ?? [];
  const volumes = usage.Volumes ?? [];
  const cache = usage.BuildCache ?? [];
  const used = sum(
    images
      .filter((image) => image.Containers > 0 && image.Size !== -1 && image.SharedSize !== -1)
      .map((image) => image.Size - image.SharedSize),
  );
  const written = sum(containers.map((one) => one.SizeRw ?? 0));
  const idle = sum(containers.filter((one) => !isActive(one)).map((one) => one.SizeRw ?? 0));
  const sized = volumes.filter((one) => (one.UsageData?.Size ?? -1) !== -1);
  const volumeSize = sum(sized.map((one) => one.UsageData?.Size ?? 0));
  const freeVolumes = sum(sized.filter((one) => one.UsageData?.RefCount === 0).map((one) => one.UsageData?.Size ?? 0));
  const cacheSize = sum(cache.filter((one) => !one.Shared).map((one) => one.Size));
  const cacheInUse = sum(cache.filter((one) => one.InUse && !one.Shared).map((one) => one.Size));
  return [
    line(
      'Images',
      images.length,
      images.filter((image) => image.Containers > 0).length,
      usage.LayersSize,
      share(usage.LayersSize - used, usage.LayersSize),
    ),
    line('Containers', containers.length, containers.filter(isActive).length, written, share(idle, written)),
    line(
      'Local Volumes',
      volumes.length,
      volumes.filter((one) => (one.UsageData?.RefCount ?? 0) > 0).length,
      volumeSize,
      share(freeVolumes, volumeSize),
    ),
    line('Build Cache', cache.length, cache.filter((one) => one.InUse).length, cacheSize, decimalSize(cacheSize - cacheInUse, 4)),
  ];
}

const CACHE_HEADERS = {
  ID: 'CACHE ID',
  CacheType: 'CACHE TYPE',
  Size: 'SIZE',
  CreatedSince: 'CREATED',
  LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE',
  Shared: 'SHARED',
};

function cacheRow(record: CacheRecord, now: number): Row {
  return new Row('buildCacheContext', {
    ID: () => `${record.ID.slice(0, 12)}${record.InUse ? '*' : ''}`,
    CacheType: () => record.Type,
    Size: () => decimalSize(record.Size),
    CreatedSince: () => ago(Date.parse(record.CreatedAt), now),
    LastUsedSince: () => (record.LastUsedAt ? ago(Date.parse(record.LastUsedAt), now) : ''),
    UsageCount: () => String(record.UsageCount),
    Shared: () => String(record.Shared),
  });
}

function printVerbose(session: Session, usage: DiskUsage): void {
  const now = session.clock.now();
  const table = (title: string, template: string, rows: readonly Row[], headers: Record<string, string>) => {
    session.out(`${title}\n\n`);
    session.out(fit(session, renderListing(readFormat('', template), rows, headers), true));
  };
  const images = (usage.Images ?? []).flatMap((image) =>
    imageNames(image, false)
      .slice(0, 1)
      .map((name) => imageRow(image, name, true, now)),
  );
  table(
    'Images space usage:',
    '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}',
    images,
    IMAGE_HEADERS,
  );
  const containers = (usage.Containers ?? []).map((one) => containerRow({ ...one, SizeRootFs: 0 }, true, now));
  table(
    '\nContainers space usage:',
    '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}',
    containers,
    CONTAINER_HEADERS,
  );
  table('\nLocal Volumes space usage:', '{{.Name}}\t{{.Links}}\t{{.Size}}', (usage.Volumes ?? []).map(volumeRow), VOLUME_HEADERS);
  const cache = usage.BuildCache ?? [];
  const size = sum(cache.filter((one) => !one.Shared).map((one) => one.Size));
  table(
    `\nBuild cache usage: ${decimalSize(size, 4)}`,
    '{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}',
    cache.map((one) => cacheRow(one, now)),
    CACHE_HEADERS,
  );
}

/** What Docker's four lines leave out; nothing for an engine that is not ours. */
async function whole(client: EngineClient): Promise<string> {
  try {
    const { used, budget, owners } = await client.json<WholeDisk>('GET', '/gantry/disk');
    const bound = budget === null ? '' : ` of a budget of ${decimalSize(budget, 4)}`;
    const rest = owners.filter(({ owner }) => ['logs', 'unfinished', 'other'].includes(owner));
    const parts = rest.map(
      ({ owner, bytes }) => `${owner}${owner === 'logs' ? ' (counted with containers)' : ''} ${decimalSize(bytes, 4)}`,
    );
    return `\nIn all ${decimalSize(used, 4)}${bound}; ${parts.join(', ')}\n`;
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return '';
    throw error;
  }
}

const command: Command = {
  usage: '[OPTIONS]',
  flags: [formatFlag(), bool('verbose', 'Show each object', { short: 'v' })],
  args: [0, 0],
  async run(session, flags) {
    if (flags.bool('verbose') && flags.given('format')) throw new CommandFailure('the verbose and the format options conflict');
    const format = readFormat(flags.text('format'), '{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}');
    const client = await session.client();
    const usage = await client.json<DiskUsage>('GET', '/system/df');
    if (flags.bool('verbose')) printVerbose(session, usage);
    else printListing(session, format, usageRows(usage), HEADERS);
    if (!flags.given('format')) session.out(await whole(client));
  },
};
export default command;
