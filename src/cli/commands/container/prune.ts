import type { Command } from '../../command.ts';
import { bool, filterFlag } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { filtersQuery } from '../each.ts';
import { pruneContainers, reclaimed } from '../pruning.ts';

const command: Command = {
  usage: '[OPTIONS]',
  flags: [filterFlag(), bool('force', 'Do not ask', { short: 'f' })],
  args: [0, 0],
  async run(session, flags) {
    const what = 'all stopped containers';
    if (!flags.bool('force') && !(await confirm(session, `WARNING! This will remove ${what}.`))) return;
    const filters = filtersQuery(flags.list('filter'));
    const { text, freed } = await pruneContainers(await session.client(), filters);
    session.out(text + reclaimed(freed));
  },
};
export default command;
