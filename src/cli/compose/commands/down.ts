import type { Command } from '../../command.ts';
import { bool, int, text } from '../../flags/index.ts';
import { takeDown } from '../engine/down.ts';
import { openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  about: 'Stops and removes the containers and networks of a project. Volumes stay, unless -v says otherwise.',
  flags: [
    bool('remove-orphans', 'Containers of services that the files do not have, too'),
    text('rmi', 'Images, too: those without a name of their own (local), or all', { choices: ['local', 'all'] }),
    int('timeout', 'Seconds that a container gets to stop', { short: 't' }),
    bool('volumes', 'Volumes of the project and anonymous ones, too', { short: 'v' }),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const project = openProjectOrName(session, services);
    const context = await openContext(session, project, flags.given('timeout') ? flags.number('timeout') : undefined);
    using _progress = context.progress;
    await takeDown(context, {
      services,
      volumes: flags.bool('volumes'),
      removeOrphans: flags.bool('remove-orphans'),
      images: flags.text('rmi'),
    });
    return 0;
  },
};
export default command;
