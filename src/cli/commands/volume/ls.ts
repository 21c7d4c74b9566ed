import type { Command } from '../../command.ts';
import { bool, filterFlag, formatFlag } from '../../flags/index.ts';
import { decimalSize } from '../../format/index.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { labelsText } from '../container/ps.ts';
import { filtersQuery } from '../each.ts';

/** One element of GET /volumes. */
export interface ListedVolume {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Mountpoint: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly UsageData?: { readonly RefCount: number; readonly Size: number } | null;
}

export const VOLUME_HEADERS = {
  Name: 'VOLUME NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS',
  Links: 'LINKS',
  Size: 'SIZE',
  Availability: 'AVAILABILITY',
  Group: 'GROUP',
  Status: 'STATUS',
};

export function volumeRow(volume: ListedVolume): Row {
  const fields: Record<string, () => string> = {
    Name: () => volume.Name,
    Driver: () => volume.Driver,
    Scope: () => volume.Scope,
    Mountpoint: () => volume.Mountpoint,
    Labels: () => labelsText(volume.Labels),
    Links: () => (volume.UsageData ? String(volume.UsageData.RefCount) : 'N/A'),
    Size: () => (volume.UsageData ? decimalSize(volume.UsageData.Size, 4) : 'N/A'),
    Availability: () => 'N/A',
    Group: () => 'N/A',
    Status: () => 'N/A',
  };
  return new Row('volumeContext', fields, { Label: (name) => volume.Labels?.[String(name)] ?? '' });
}

/** Digits inside names count as numbers: `web2` before `web10`. */
export const naturally = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });

const command: Command = {
  usage: '[OPTIONS]',
  flags: [filterFlag('f'), formatFlag(), bool('quiet', 'Print names only', { short: 'q' })],
  args: [0, 0],
  async run(session, flags) {
    const quiet = flags.bool('quiet') && !flags.given('format');
    const format = quiet
      ? readFormat('{{.Name}}', '')
      : readFormat(flags.text('format') || (session.settings.file.volumesFormat ?? ''), '{{.Driver}}\t{{.Name}}');
    const client = await session.client();
    const { Volumes, Warnings } = await client.json<{ Volumes: ListedVolume[] | null; Warnings?: string[] | null }>('GET', '/volumes', {
      query: { filters: filtersQuery(flags.list('filter')) },
    });
    for (const warning of Warnings ?? []) session.err(`WARNING: ${warning}\n`);
    const volumes = (Volumes ?? []).toSorted((a, b) => naturally(a.Name, b.Name));
    printListing(session, format, volumes.map(volumeRow), VOLUME_HEADERS);
  },
};
export default command;
