import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';
import { INSPECT_FORMAT, inspectEach } from '../inspecting.ts';

const command: Command = {
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  flags: [INSPECT_FORMAT, bool('verbose', 'Tell what only diagnosis needs', { short: 'v' })],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'networks',
  async run(session, flags, names) {
    const client = await session.client();
    await inspectEach(session, names, flags.text('format'), (name) =>
      client.text('GET', `/networks/${encodeURIComponent(name)}`, { query: { verbose: flags.bool('verbose') || undefined } }),
    );
  },
};
export default command;
