import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { fromTheTop } from '../engine/down.ts';
import { removeContainer, stopContainer } from '../engine/retire.ts';
import { isRunning } from '../plan/observed.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [
    bool('force', 'Do not ask', { short: 'f' }),
    bool('stop', 'Stop the containers first, if they run', { short: 's' }),
    bool('volumes', 'Their anonymous volumes, too', { short: 'v' }),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const context = await openContext(session, openProjectOrName(session, services));
    using _progress = context.progress;
    const chosen = (await chooseContainers(context, services, true)).filter((one) => flags.bool('stop') || !isRunning(one));
    if (chosen.length === 0) {
      session.err('No stopped containers\n');
      return 0;
    }
    if (!flags.bool('force') && !(await confirm(session, `Going to remove ${chosen.map(({ name }) => name).join(', ')}`))) return 0;
    await fromTheTop(context, chosen, async (one, service) => {
      if (isRunning(one)) await stopContainer(context, service, one);
      await removeContainer(context, one, flags.bool('volumes'));
    });
    return 0;
  },
};
export default command;
