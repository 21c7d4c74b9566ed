import type { Command } from '../../command.ts';
import { bool } from '../../flags/index.ts';
import { takeDown } from '../engine/down.ts';
import { waitEnded } from '../engine/ready.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] SERVICE [SERVICE...]',
  about: 'Waits until a container of each service ends, and prints the exit codes. The exit code is that of the first that ended.',
  flags: [bool('down-project', 'Take the project down when the first one ends')],
  args: [1, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const context = await openContext(session, openProjectOrName(session, services));
    const containers = await chooseContainers(context, services);
    const endings = containers.map(async ({ id, name }) => ({ name, code: await waitEnded(context, id) }));
    const first = await Promise.race(endings);
    if (flags.bool('down-project')) {
      using _progress = context.progress;
      await takeDown(context, { services: [], volumes: false, removeOrphans: false, images: '' });
    }
    for (const { name, code } of await Promise.all(endings))
      session.out(`container ${JSON.stringify(name)} exited with status code ${code}\n`);
    return first?.code ?? 0;
  },
};
export default command;
