import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';
import { containerPath } from '../each.ts';
import { INSPECT_FORMAT, inspectEach } from '../inspecting.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [INSPECT_FORMAT, bool('size', 'Tell how much the container has written', { short: 's' })],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'containers',
  async run(session, flags, names) {
    const client = await session.client();
    const query = { size: flags.bool('size') || undefined };
    await inspectEach(session, names, flags.text('format'), (name) => client.text('GET', containerPath(name, '/json'), { query }));
  },
};
export default command;
