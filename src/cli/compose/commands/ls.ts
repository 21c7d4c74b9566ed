import type { Command } from '../../command.ts';
import type { ListedContainer } from '../../commands/container/ps.ts';
import { filtersQuery } from '../../commands/each.ts';
import { bool, filterFlag, formatFlag } from '../../flags/index.ts';
import { printListing, readFormat } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { LABELS } from '../engine/labels.ts';

const HEADERS = { Name: 'NAME', Status: 'STATUS', ConfigFiles: 'CONFIG FILES' };

/** `running(2), exited(1)`. */
function statusOf(containers: readonly ListedContainer[]): string {
  const counts = new Map<string, number>();
  for (const { State } of containers) counts.set(State, (counts.get(State) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([state, count]) => `${state}(${count})`)
    .join(', ');
}

const command: Command = {
  usage: '[OPTIONS]',
  flags: [
    bool('all', 'Projects without running containers, too', { short: 'a' }),
    filterFlag(),
    formatFlag(),
    bool('quiet', 'Print names only', { short: 'q' }),
  ],
  args: [0, 0],
  async run(session, flags) {
    const client = await session.client();
    const list = await client.json<ListedContainer[]>('GET', '/containers/json', {
      query: { all: flags.bool('all') || undefined, filters: filtersQuery([], { label: [LABELS.project] }) },
    });
    const wanted = flags.list('filter').flatMap((one) => (one.startsWith('name=') ? one.slice(5) : []));
    const projects = Map.groupBy(list, ({ Labels }) => Labels?.[LABELS.project] ?? '');
    const rows = [...projects]
      .filter(([name]) => wanted.every((part) => name.includes(part)))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, containers]) => {
        const files = new Set(
          containers.flatMap(({ Labels }) => (Labels?.[LABELS.configFiles] ?? '').split(',')).filter((file) => file !== ''),
        );
        return new Row('projectContext', {
          Name: () => name,
          Status: () => statusOf(containers),
          ConfigFiles: () => [...files].join(',') || 'N/A',
        });
      });
    if (flags.bool('quiet'))
      session.out(
        [...projects.keys()]
          .sort()
          .map((name) => `${name}\n`)
          .join(''),
      );
    else printListing(session, readFormat(flags.text('format'), '{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}'), rows, HEADERS);
    return 0;
  },
};
export default command;
