import type { Command } from '../../command.ts';
import { containerRow, type ListedContainer } from '../../commands/container/ps.ts';
import { filtersQuery } from '../../commands/each.ts';
import { bool, filterFlag, formatFlag, list } from '../../flags/index.ts';
import { fit, readFormat, renderListing } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { LABELS } from '../engine/labels.ts';
import { isRunning } from '../plan/observed.ts';
import { chooseContainers, openContext, openProjectOrName } from './open.ts';

const TABLE = '{{.Names}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}';
const HEADERS = {
  Names: 'NAME',
  Name: 'NAME',
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Command: 'COMMAND',
  Service: 'SERVICE',
  RunningFor: 'CREATED',
  Status: 'STATUS',
  State: 'STATE',
  Ports: 'PORTS',
};

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [
    bool('all', 'Show stopped containers, too, and those of `run`', { short: 'a' }),
    filterFlag(),
    formatFlag(),
    bool('no-trunc', 'Do not shorten anything'),
    bool('orphans', 'Show containers of services that the files do not have', { default: 'true' }),
    bool('quiet', 'Print ids only', { short: 'q' }),
    bool('services', 'Print the names of services only'),
    list('status', 'Only containers in this state (repeatable)', {
      choices: ['paused', 'restarting', 'removing', 'running', 'dead', 'created', 'exited'],
    }),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const project = openProjectOrName(session);
    const { api } = await openContext(session, project);
    const states = [...flags.list('status'), ...flags.list('filter').flatMap((one) => (one.startsWith('status=') ? one.slice(7) : []))];
    const all = flags.bool('all') || states.length > 0;
    const chosen = (await chooseContainers({ api, project }, services, flags.bool('all')))
      .filter((one) => all || isRunning(one))
      .filter(({ state }) => states.length === 0 || states.includes(state))
      .filter(({ service }) => flags.bool('orphans') || project.services.has(service));
    if (flags.bool('quiet')) return void session.out(chosen.map(({ id }) => `${id}\n`).join(''));
    if (flags.bool('services'))
      return void session.out([...new Set(chosen.map(({ service }) => service))].map((name) => `${name}\n`).join(''));
    const format = readFormat(flags.text('format'), TABLE);
    const listed = await api.client.json<ListedContainer[]>('GET', '/containers/json', {
      query: { all: true, filters: filtersQuery([], { label: [`${LABELS.project}=${project.name}`] }) },
    });
    const rows = chosen.flatMap(({ id, name, service, number }) => {
      const one = listed.find(({ Id }) => Id === id);
      if (!one) return [];
      const row = containerRow(one, !flags.bool('no-trunc'), session.clock.now());
      const more = { Name: () => name, Service: () => service, Project: () => project.name, Number: () => number };
      return [new Row(row.type, { ...row.fields, ...more }, row.methods)];
    });
    const text = renderListing(format, rows, HEADERS);
    session.out(format.table ? fit(session, text, format.builtIn && !flags.bool('no-trunc')) : text);
    return undefined;
  },
};
export default command;
