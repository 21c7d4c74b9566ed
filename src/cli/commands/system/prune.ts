import { EngineRefusal } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { CommandFailure } from '../../failure.ts';
import { bool, type Flags, filterFlag } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { filtersQuery } from '../each.ts';
import { type Pruned, pruneBuildCache, pruneContainers, pruneImages, pruneNetworks, pruneVolumes, reclaimed } from '../pruning.ts';

function warning(flags: Flags): string {
  const lines = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(flags.bool('volumes') ? ['all anonymous volumes not used by at least one container'] : []),
    flags.bool('all') ? 'all images without at least one container associated to them' : 'all dangling images',
    flags.bool('all') ? 'all build cache' : 'unused build cache',
  ];
  const filters = flags.list('filter').map((filter) => `  - ${filter}\n`);
  const filtered = filters.length === 0 ? '' : `\n  Items to be pruned will be filtered with:\n${filters.join('')}`;
  return `WARNING! This will remove:\n${lines.map((line) => `  - ${line}\n`).join('')}${filtered}`;
}

const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'Remove all images that no container uses, not only unnamed ones', { short: 'a' }),
    filterFlag(),
    bool('force', 'Do not ask', { short: 'f' }),
    bool('volumes', 'Remove unnamed volumes too'),
  ],
  args: [0, 0],
  async run(session, flags) {
    const given = flags.list('filter');
    if (flags.bool('volumes') && given.some((filter) => filter.startsWith('until=')))
      throw new CommandFailure('ERROR: The "until" filter is not supported with "--volumes"');
    if (!flags.bool('force') && !(await confirm(session, warning(flags)))) return;
    const client = await session.client();
    const filters = filtersQuery(given);
    const steps: (() => Promise<Pruned>)[] = [() => pruneContainers(client, filters), () => pruneNetworks(client, filters)];
    if (flags.bool('volumes')) steps.push(() => pruneVolumes(client, filters));
    steps.push(() => pruneImages(client, filtersQuery(given, { dangling: [flags.bool('all') ? 'false' : 'true'] })));
    steps.push(async () => {
      try {
        return await pruneBuildCache(client, flags.bool('all'), filters);
      } catch (error) {
        // An engine without a builder has no cache: nothing to free there.
        if (error instanceof EngineRefusal && (error.status === 404 || error.status === 501)) return { text: '', freed: 0 };
        throw error;
      }
    });
    let freed = 0;
    for (const step of steps) {
      const done = await step();
      session.out(done.text);
      freed += done.freed;
    }
    session.out(reclaimed(freed));
  },
};
export default command;
