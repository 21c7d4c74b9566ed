import type { Command } from '../../command.ts';
import { int, text } from '../../flags/index.ts';
import { containerPath, forEachName } from '../each.ts';

const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    text('signal', 'Signal that asks the container to stop', { short: 's' }),
    int('timeout', 'Seconds to wait before the container is killed; -1 waits for ever', { short: 't' }),
    int('time', 'The same as --timeout', { hidden: true }),
  ],
  args: [1, Number.POSITIVE_INFINITY],
  completes: 'running',
  async run(session, flags, names) {
    const wait = flags.given('timeout') ? flags.number('timeout') : flags.given('time') ? flags.number('time') : undefined;
    const client = await session.client();
    await forEachName(
      session,
      names,
      (name) => client.text('POST', containerPath(name, '/restart'), { query: { signal: flags.text('signal'), t: wait } }),
      { atOnce: 1 },
    );
  },
};
export default command;
