import type { Command } from '../../command.ts';
import { containerPath, forEachName } from '../each.ts';

const command: Command = {
  usage: 'CONTAINER [CONTAINER...]',
  flags: [],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'running',
  async run(session, _flags, names) {
    const client = await session.client();
    await forEachName(session, names, (name) => client.text('POST', containerPath(name, '/unpause')));
  },
};
export default command;
