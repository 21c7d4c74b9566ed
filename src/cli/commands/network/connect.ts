import type { Command } from '../../command.ts';
import { pairsToMap } from '../../create/index.ts';
import { csv, int, list, text } from '../../flags/index.ts';

const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: [
    csv('alias', 'Further name of the container in the network'),
    csv('driver-opt', 'Option of the driver (name=value)'),
    int('gw-priority', 'The network with the highest number is the way out'),
    text('ip', 'IPv4 address'),
    text('ip6', 'IPv6 address'),
    list('link', 'Link to another container (NAME[:ALIAS])'),
    csv('link-local-ip', 'Link-local addresses'),
  ],
  args: [2, 2],
  completes: 'networks',
  async run(session, flags, [network = '', container = '']) {
    const EndpointConfig = {
      IPAMConfig: { IPv4Address: flags.text('ip'), IPv6Address: flags.text('ip6'), LinkLocalIPs: flags.list('link-local-ip') },
      Links: flags.list('link'),
      Aliases: flags.list('alias'),
      DriverOpts: pairsToMap(flags.list('driver-opt')),
      GwPriority: flags.number('gw-priority'),
    };
    const client = await session.client();
    await client.text('POST', `/networks/${encodeURIComponent(network)}/connect`, { body: { Container: container, EndpointConfig } });
  },
};
export default command;
