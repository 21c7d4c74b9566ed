import type { Command } from '../../command.ts';
import { containerPath, forEachName } from '../each.ts';
import { secondsToWait, stopFlags } from './stopping.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: stopFlags,
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'running',
  async run(session, flags, names) {
    const client = await session.client();
    await forEachName(
      session,
      names,
      (name) => client.text('POST', containerPath(name, '/restart'), { query: { signal: flags.text('signal'), t: secondsToWait(flags) } }),
      { atOnce: 1 },
    );
  },
};
export default command;
