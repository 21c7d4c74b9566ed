import type { Command } from '../../command.ts';
import { bool, filterFlag } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { filtersQuery } from '../each.ts';
import { pruneImages, reclaimed } from '../pruning.ts';

const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'Remove all images that no container uses, not only unnamed ones', { short: 'a' }),
    filterFlag(),
    bool('force', 'Do not ask', { short: 'f' }),
  ],
  args: [0, 0],
  async run(session, flags) {
    const what = flags.bool('all') ? 'all images without at least one container associated to them' : 'all dangling images';
    if (!flags.bool('force') && !(await confirm(session, `WARNING! This will remove ${what}.`))) return;
    const filters = filtersQuery(flags.list('filter'), { dangling: [flags.bool('all') ? 'false' : 'true'] });
    const { text, freed } = await pruneImages(await session.client(), filters);
    session.out(text + reclaimed(freed));
  },
};
export default command;
