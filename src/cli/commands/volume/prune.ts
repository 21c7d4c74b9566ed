import type { Command } from '../../command.ts';
import { bool, filterFlag } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { filtersQuery } from '../each.ts';
import { pruneVolumes, reclaimed } from '../pruning.ts';

const command: Command = {
  usage: '[OPTIONS]',
  flags: [bool('all', 'Remove named volumes too', { short: 'a' }), filterFlag(), bool('force', 'Do not ask', { short: 'f' })],
  args: [0, 0],
  async run(session, flags) {
    const what = flags.bool('all')
      ? 'all local volumes not used by at least one container'
      : 'anonymous local volumes not used by at least one container';
    if (!flags.bool('force') && !(await confirm(session, `WARNING! This will remove ${what}.`))) return;
    const filters = filtersQuery(flags.list('filter'), flags.bool('all') ? { all: ['true'] } : {});
    const { text, freed } = await pruneVolumes(await session.client(), filters);
    session.out(text + reclaimed(freed));
  },
};
export default command;
