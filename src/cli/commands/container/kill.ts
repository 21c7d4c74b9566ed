import type { Command } from '../../command.ts';
import { text } from '../../flags/index.ts';
import { containerPath, forEachName } from '../each.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [text('signal', 'Name or number of the signal (default KILL)', { short: 's' })],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'running',
  async run(session, flags, names) {
    const client = await session.client();
    await forEachName(session, names, (name) =>
      client.text('POST', containerPath(name, '/kill'), { query: { signal: flags.text('signal') || 'KILL' } }),
    );
  },
};
export default command;
