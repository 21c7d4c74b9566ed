import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';
import { interruptibly } from './interrupt.ts';
import { openContext, openProject, parseScales } from './open.ts';
import { bringUp, IMAGE_FLAGS, plainWishes } from './up.ts';

const command: Command = {
  usage: '[OPTIONS] SERVICE=NUMBER...',
  about: 'Makes or removes containers until each service has as many as you say. What is there stays as it is.',
  flags: [...IMAGE_FLAGS, bool('no-deps', 'Do not start services that are needed')],
  args: [1, Number.POSITIVE_INFINITY],
  async run(session, flags, given) {
    const scale = parseScales(given);
    const services = [...scale.keys()];
    const project = openProject(session, services);
    const context = await openContext(session, project);
    await interruptibly(session, async (signal) => {
      using _progress = context.progress;
      await bringUp({ ...context, signal }, flags, { ...plainWishes(services), scale, noRecreate: true, noDeps: flags.bool('no-deps') });
    });
    return 0;
  },
};
export default command;
