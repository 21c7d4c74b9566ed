import type { Command } from '../../command.ts';
import { bool, filterFlag } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { filtersQuery } from '../each.ts';
import { pruneNetworks } from '../pruning.ts';

const command: Command = {
  usage: '[OPTIONS]',
  flags: [filterFlag(), bool('force', 'Do not ask', { short: 'f' })],
  args: [0, 0],
  async run(session, flags) {
    const what = 'all custom networks not used by at least one container';
    if (!flags.bool('force') && !(await confirm(session, `WARNING! This will remove ${what}.`))) return;
    const filters = filtersQuery(flags.list('filter'));
    const { text } = await pruneNetworks(await session.client(), filters);
    session.out(text);
  },
};
export default command;
