import type { Command } from '../../command.ts';
import { bool, filterFlag, formatFlag } from '../../flags/index.ts';
import { ago, decimalSize, localGoTime, shortId } from '../../format/index.ts';
import { type Format, needsField, printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { filtersQuery } from '../each.ts';

/** One element of GET /images/json. */
export interface ListedImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize: number;
  readonly Containers: number;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

export const IMAGE_HEADERS = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
};

export interface ImageName {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const NONE = '<none>';

function splitTag(name: string): [string, string] {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, ''];
}

/** The lines that one image takes: one for each name, and with `digests` one for each digest of it. */
export function imageNames(image: ListedImage, digests: boolean): ImageName[] {
  const tags = (image.RepoTags ?? []).filter((name) => name !== '<none>:<none>').map(splitTag);
  const known = (image.RepoDigests ?? []).filter((name) => name !== '<none>@<none>').map((name) => name.split('@') as [string, string]);
  if (tags.length === 0 && known.length === 0) return [{ repository: NONE, tag: NONE, digest: NONE }];
  const names: ImageName[] = [];
  for (const [repository, tag] of tags) {
    const own = digests ? known.filter(([name]) => name === repository).map(([, digest]) => digest) : [];
    names.push(...(own.length > 0 ? own : [NONE]).map((digest) => ({ repository, tag, digest })));
  }
  for (const [repository, digest] of known) {
    if (!tags.some(([name]) => name === repository)) names.push({ repository, tag: NONE, digest });
  }
  if (digests) return names;
  return names.filter((name, i) => names.findIndex((other) => other.repository === name.repository && other.tag === name.tag) === i);
}

/** One line of `images`. `now` in milliseconds since the epoch. */
export function imageRow(image: ListedImage, name: ImageName, truncate: boolean, now: number): Row {
  const size = (bytes: number) => (bytes === -1 ? 'N/A' : decimalSize(bytes, 4));
  return new Row('imageContext', {
    ID: () => (truncate ? shortId(image.Id) : image.Id),
    Repository: () => name.repository,
    Tag: () => name.tag,
    Digest: () => name.digest,
    CreatedSince: () => (image.Created === 0 ? 'N/A' : ago(image.Created * 1000, now)),
    CreatedAt: () => localGoTime(image.Created),
    Size: () => decimalSize(image.Size),
    Containers: () => (image.Containers === -1 ? 'N/A' : String(image.Containers)),
    VirtualSize: () => decimalSize(image.Size, 4),
    SharedSize: () => size(image.SharedSize),
    UniqueSize: () => (image.SharedSize === -1 ? 'N/A' : size(image.Size - image.SharedSize)),
  });
}

function builtInTable(digests: boolean): string {
  return `{{.Repository}}\t{{.Tag}}\t${digests ? '{{.Digest}}\t' : ''}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`;
}

const command: Command = {
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  flags: [
    bool('all', 'Show intermediate images too', { short: 'a' }),
    bool('digests', 'Show digests'),
    filterFlag('f'),
    formatFlag(),
    bool('no-trunc', 'Show ids at full length'),
    bool('quiet', 'Print ids only', { short: 'q' }),
    bool('tree', 'Not available', { hidden: true }),
  ],
  args: [0, 1],
  completes: 'images',
  async run(session, flags, [pattern]) {
    const quiet = flags.bool('quiet') && !flags.given('format');
    const format: Format = quiet
      ? readFormat('{{.ID}}', '')
      : readFormat(flags.text('format') || (session.settings.file.imagesFormat ?? ''), builtInTable(flags.bool('digests')));
    const client = await session.client();
    const filters = filtersQuery(flags.list('filter'), pattern === undefined ? {} : { reference: [pattern] });
    const images =
      (await client.json<ListedImage[] | null>('GET', '/images/json', { query: { all: flags.bool('all') || undefined, filters } })) ?? [];
    images.sort((a, b) => b.Created - a.Created);
    const digests = flags.bool('digests') || (!format.json && !format.builtIn && needsField(format, 'Digest'));
    const truncate = !flags.bool('no-trunc');
    const now = session.clock.now();
    const lines = images.flatMap((image) => imageNames(image, digests).map((name) => [image, name] as const));
    printListing(
      session,
      format,
      lines.map(([image, name]) => imageRow(image, name, truncate, now)),
      IMAGE_HEADERS,
      truncate,
    );
  },
};
export default command;
