import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, text } from '../../flags/index.ts';
import { pull } from '../engine/images.ts';
import { imageName } from '../engine/make.ts';
import { servicesInOrder } from '../plan/order.ts';
import { Section } from '../project/section.ts';
import { openContext, openProject } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [
    bool('ignore-buildable', 'Leave out services that can be built'),
    bool('ignore-pull-failures', 'Go on when an image cannot be fetched'),
    bool('include-deps', 'Services that are needed, too'),
    text('policy', 'Which images to fetch', { choices: ['missing', 'always'], default: 'always' }),
    bool('quiet', 'Show no progress', { short: 'q' }),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, names) {
    const project = openProject(session, names);
    const context = await openContext(session, project);
    using progress = context.progress;
    const services = servicesInOrder(project, names, flags.bool('include-deps'));
    const images = new Map<string, string | undefined>();
    for (const service of services) {
      const section = new Section(service.definition);
      const name = imageName(context, service);
      if (section.has('build') && (flags.bool('ignore-buildable') || !section.has('image')))
        progress.set(`Image ${name}`, 'Skipped: it is built', 'done');
      else if (flags.text('policy') === 'missing' && (await context.api.imageId(name)) !== undefined)
        progress.set(`Image ${name}`, 'Skipped: it is here', 'done');
      else images.set(name, section.text('platform'));
    }
    const results = await Promise.allSettled([...images].map(([name, platform]) => pull(context, name, platform, flags.bool('quiet'))));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason?.message ?? result.reason)] : []));
    if (failures.length === 0) return 0;
    if (!flags.bool('ignore-pull-failures')) throw new CommandFailure(failures.join('\n'));
    progress.say(failures.join('\n'));
    return 0;
  },
};
export default command;
