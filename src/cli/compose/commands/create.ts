import type { Command } from '../../command.ts';
import { openContext, openProject } from './open.ts';
import { bringUp, MAKE_FLAGS, upWishes } from './up.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: MAKE_FLAGS,
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const context = await openContext(session, openProject(session, services));
    using _progress = context.progress;
    await bringUp(context, flags, upWishes(flags, services, { noStart: true }));
    return 0;
  },
};
export default command;
