import type { Command } from '../../command.ts';
import { bool, list } from '../../flags/index.ts';
import { buildService } from '../engine/build.ts';
import { inBuildOrder, push } from '../engine/images.ts';
import { imageName } from '../engine/make.ts';
import { servicesInOrder } from '../plan/order.ts';
import { Section } from '../project/section.ts';
import { openContext, openProject } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [
    list('build-arg', 'Set a build argument (NAME=value)'),
    bool('no-cache', 'Do every step again'),
    bool('pull', 'Look for newer base images'),
    bool('push', 'Send the images to their registries afterwards'),
    bool('quiet', 'Do not show the steps', { short: 'q' }),
    bool('with-dependencies', 'Services that are needed, too'),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, names) {
    const project = openProject(session, names);
    const context = await openContext(session, project);
    using _progress = context.progress;
    const services = servicesInOrder(project, names, flags.bool('with-dependencies'));
    const built = inBuildOrder(services.filter(({ definition }) => new Section(definition).has('build')));
    if (built.length === 0) session.err('No services to build\n');
    for (const service of built)
      await buildService(context, service, {
        quiet: flags.bool('quiet'),
        pull: flags.bool('pull'),
        noCache: flags.bool('no-cache'),
        args: flags.list('build-arg'),
      });
    // One without a name of its own has no registry to go to.
    const named = built.filter(({ definition }) => new Section(definition).has('image'));
    if (flags.bool('push')) for (const service of named) await push(context, imageName(context, service), flags.bool('quiet'));
    return 0;
  },
};
export default command;
