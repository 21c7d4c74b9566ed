import type { Command } from '../../command.ts';
import stats from '../../commands/container/stats.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  about: 'Watches what the containers of services use.',
  flags: stats.flags,
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const context = await openContext(session, openProjectOrName(session, services));
    const chosen = (await chooseContainers(context, services)).filter(({ state }) => flags.bool('all') || state === 'running');
    if (chosen.length > 0)
      return await stats.run(
        session,
        flags,
        chosen.map(({ name }) => name),
      );
    session.err('No container of this project is running\n');
    return 0;
  },
};
export default command;
