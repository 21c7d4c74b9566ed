import type { Command } from '../../command.ts';
import { bool, bytes, filterFlag } from '../../flags/index.ts';
import { confirm } from '../../terminal/index.ts';
import { filtersQuery } from '../each.ts';
import { pruneBuildCache, reclaimed } from '../pruning.ts';

const BOUNDS = ['max-used-space', 'min-free-space', 'reserved-space'] as const;

const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'Also what images have in common with the cache', { short: 'a' }),
    filterFlag(),
    bool('force', 'Do not ask', { short: 'f' }),
    bytes('max-used-space', 'Stop when the cache takes so much'),
    bytes('min-free-space', 'Stop when so much of the disk is free'),
    bytes('reserved-space', 'Leave the cache so much in any case'),
  ],
  args: [0, 0],
  async run(session, flags) {
    const what = flags.bool('all') ? 'all build cache' : 'all dangling build cache';
    if (!flags.bool('force') && !(await confirm(session, `WARNING! This will remove ${what}.`))) return;
    const bounds = Object.fromEntries(BOUNDS.filter((name) => flags.given(name)).map((name) => [name, flags.number(name)]));
    const { text, freed } = await pruneBuildCache(await session.client(), flags.bool('all'), filtersQuery(flags.list('filter')), bounds);
    session.out(text + reclaimed(freed));
  },
};
export default command;
