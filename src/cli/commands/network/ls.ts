import type { Command } from '../../command.ts';
import { bool, filterFlag, formatFlag } from '../../flags/index.ts';
import { goTime, shortId } from '../../format/index.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { labelsText } from '../container/ps.ts';
import { filtersQuery } from '../each.ts';
import { naturally } from '../volume/ls.ts';

interface ListedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const HEADERS = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv4: 'IPV4',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
};

function networkRow(network: ListedNetwork, truncate: boolean): Row {
  const fields: Record<string, () => string> = {
    ID: () => (truncate ? shortId(network.Id) : network.Id),
    Name: () => network.Name,
    Driver: () => network.Driver,
    Scope: () => network.Scope,
    IPv4: () => String(network.EnableIPv4 ?? true),
    IPv6: () => String(network.EnableIPv6),
    Internal: () => String(network.Internal),
    Labels: () => labelsText(network.Labels),
    CreatedAt: () => goTime(network.Created),
  };
  return new Row('networkContext', fields, { Label: (name) => network.Labels?.[String(name)] ?? '' });
}

const command: Command = {
  usage: '[OPTIONS]',
  flags: [filterFlag('f'), formatFlag(), bool('no-trunc', 'Show ids at full length'), bool('quiet', 'Print ids only', { short: 'q' })],
  args: [0, 0],
  async run(session, flags) {
    const quiet = flags.bool('quiet') && !flags.given('format');
    const given = flags.text('format') || (session.settings.file.networksFormat ?? '');
    const format = quiet ? readFormat('{{.ID}}', '') : readFormat(given, '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}');
    const client = await session.client();
    const networks =
      (await client.json<ListedNetwork[] | null>('GET', '/networks', { query: { filters: filtersQuery(flags.list('filter')) } })) ?? [];
    networks.sort((a, b) => naturally(a.Name, b.Name));
    const truncate = !flags.bool('no-trunc');
    printListing(
      session,
      format,
      networks.map((network) => networkRow(network, truncate)),
      HEADERS,
      truncate,
    );
  },
};
export default command;
