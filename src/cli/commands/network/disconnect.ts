import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';

const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  flags: [bool('force', 'Take it off even when it is stuck', { short: 'f' })],
  args: [2, 2],
  completes: 'networks',
  async run(session, flags, [network = '', container = '']) {
    const client = await session.client();
    await client.text('POST', `/networks/${encodeURIComponent(network)}/disconnect`, {
      body: { Container: container, Force: flags.bool('force') },
    });
  },
};
export default command;
