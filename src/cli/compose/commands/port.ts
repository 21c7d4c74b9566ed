import type { Command } from '../../command.ts';
import { containerPath } from '../../commands/each.ts';
import { CommandFailure } from '../../failure.ts';
import { int, text } from '../../flags/index.ts';
import { chooseContainer, openContext, openProjectOrName } from './open.ts';

type Ports = Record<string, { HostIp: string; HostPort: string }[] | null>;

const command: Command = {
  usage: '[OPTIONS] SERVICE PRIVATE_PORT',
  flags: [
    int('index', 'Number of the container, of several of one service'),
    text('protocol', 'Protocol of the port', { choices: ['tcp', 'udp'], default: 'tcp' }),
  ],
  args: [2, 2],
  async run(session, flags, [service = '', port = '']) {
    const context = await openContext(session, openProjectOrName(session, [service]));
    const { id, name } = await chooseContainer(context, service, flags.number('index'));
    const { NetworkSettings } = await context.api.client.json<{ NetworkSettings: { Ports: Ports | null } }>(
      'GET',
      containerPath(id, '/json'),
    );
    const key = `${port}/${flags.text('protocol')}`;
    const [first] = NetworkSettings.Ports?.[key] ?? [];
    if (!first)
      throw new CommandFailure(
        `no port ${key} for container ${name}: it publishes ${Object.keys(NetworkSettings.Ports ?? {}).join(', ') || 'nothing'}`,
      );
    session.out(`${first.HostIp.includes(':') ? `[${first.HostIp}]` : first.HostIp}:${first.HostPort}\n`);
    return 0;
  },
};
export default command;
