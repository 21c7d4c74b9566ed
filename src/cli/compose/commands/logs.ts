import type { Command } from '../../command.ts';
import { bool, int, text } from '../../flags/index.ts';
import { momentQuery } from '../../format/when.ts';
import { follow } from '../view/follow.ts';
import { LogView } from '../view/logs.ts';
import { chooseContainers, mayColour, openContext, openProjectOrName } from './open.ts';

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [
    bool('follow', 'Go on with what is written from now on', { short: 'f' }),
    int('index', 'Number of the container, of several of one service'),
    bool('no-color', 'Without colours'),
    bool('no-log-prefix', 'Without names'),
    text('since', 'Start at this time (2026-01-02T15:04:05Z) or so long ago (42m)'),
    text('tail', 'Number of lines from the end of each container', { short: 'n', default: 'all' }),
    bool('timestamps', 'Put the time before each line', { short: 't' }),
    text('until', 'End at this time, or so long ago'),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const project = openProjectOrName(session, services);
    const context = await openContext(session, project);
    const { api, signal } = context;
    const now = session.clock.now();
    const [since, until] = [momentQuery(flags.text('since'), now, 'since'), momentQuery(flags.text('until'), now, 'until')];
    const index = flags.number('index');
    const containers = (await chooseContainers({ api, project }, services)).filter(({ number }) => index === 0 || number === index);
    const view = new LogView(session, api, project.name, {
      follow: flags.bool('follow'),
      timestamps: flags.bool('timestamps'),
      tail: flags.text('tail'),
      prefix: !flags.bool('no-log-prefix'),
      colour: !flags.bool('no-color') && mayColour(session),
      signal,
      ...(since === undefined ? {} : { since: String(since) }),
      ...(until === undefined ? {} : { until: String(until) }),
    });
    view.expect(containers.map(({ name }) => name));
    if (flags.bool('follow')) await Promise.all(containers.map((one) => follow(context, view, one, signal)));
    else for (const one of containers) await view.show(one);
    return 0;
  },
};
export default command;
