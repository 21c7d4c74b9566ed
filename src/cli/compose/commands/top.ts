import type { Command } from '../../command.ts';
import top from '../../commands/container/top.ts';
import { parseFlags } from '../../flags/index.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[SERVICE...]',
  flags: [],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, _flags, services) {
    const context = await openContext(session, openProjectOrName(session, services));
    for (const { id, name, state } of await chooseContainers(context, services)) {
      if (state !== 'running') continue;
      session.out(`${name}\n`);
      await top.run(session, parseFlags(top.flags, []).flags, [id]);
      session.out('\n');
    }
    return 0;
  },
};
export default command;
