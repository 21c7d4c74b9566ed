import type { Command } from '../../command.ts';
import { authHeader } from '../../config/index.ts';
import { bool, filterFlag, int, text } from '../../flags/index.ts';
import { ellipsis } from '../../format/index.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { filtersQuery } from '../each.ts';

interface Found {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated: boolean;
}

const HEADERS = { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL', IsAutomated: 'AUTOMATED' };
const DESCRIPTION_WIDTH = 45;

function foundRow(found: Found, truncate: boolean): Row {
  const description = found.description.replaceAll(/[\n\r]/g, ' ');
  return new Row('searchContext', {
    Name: () => found.name,
    Description: () => (truncate ? ellipsis(description, DESCRIPTION_WIDTH) : description),
    StarCount: () => String(found.star_count),
    IsOfficial: () => (found.is_official ? '[OK]' : ''),
    IsAutomated: () => (found.is_automated ? '[OK]' : ''),
  });
}

/** `host[:port]/term` asks that registry; a term need not be a whole name. */
function registryOf(term: string): string {
  const [host = '', ...rest] = term.split('/');
  return rest.length > 0 && (/[.:]/.test(host) || host === 'localhost') ? host : 'docker.io';
}

const command: Command = {
  usage: '[OPTIONS] TERM',
  flags: [
    filterFlag('f'),
    text('format', 'Print with a Go template'),
    int('limit', 'Most results'),
    bool('no-trunc', 'Show descriptions at full length'),
  ],
  args: [1, 1],
  async run(session, flags, [term = '']) {
    const format = readFormat(flags.text('format'), '{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}');
    const client = await session.client();
    const query = { term, limit: flags.given('limit') ? flags.number('limit') : undefined, filters: filtersQuery(flags.list('filter')) };
    const headers = await authHeader(session, registryOf(term));
    const results = (await client.json<Found[] | null>('GET', '/images/search', { query, headers })) ?? [];
    printListing(
      session,
      format,
      results.map((one) => foundRow(one, !flags.bool('no-trunc'))),
      HEADERS,
    );
  },
};
export default command;
