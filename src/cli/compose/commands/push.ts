import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool } from '../../flags/index.ts';
import { push } from '../engine/images.ts';
import { imageName } from '../engine/make.ts';
import { servicesInOrder } from '../plan/order.ts';
import { Section } from '../project/section.ts';
import { openContext, openProject } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  about: 'Sends the images of services that are built, and have a name of their own, to their registries.',
  flags: [
    bool('ignore-push-failures', 'Go on when an image cannot be sent'),
    bool('include-deps', 'Services that are needed, too'),
    bool('quiet', 'Show no progress', { short: 'q' }),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, names) {
    const project = openProject(session, names);
    const context = await openContext(session, project);
    using progress = context.progress;
    const services = servicesInOrder(project, names, flags.bool('include-deps'));
    const failures: string[] = [];
    for (const service of services) {
      const section = new Section(service.definition);
      if (!section.has('build') || !section.has('image')) continue;
      await push(context, imageName(context, service), flags.bool('quiet')).catch((error: unknown) =>
        failures.push(error instanceof Error ? error.message : String(error)),
      );
    }
    if (failures.length > 0 && !flags.bool('ignore-push-failures')) throw new CommandFailure(failures.join('\n'));
    if (failures.length > 0) progress.say(failures.join('\n'));
    return 0;
  },
};
export default command;
