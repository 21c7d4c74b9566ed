import type { Command } from '../../command.ts';
import { filtersQuery } from '../../commands/each.ts';
import { bool, text } from '../../flags/index.ts';
import { momentQuery } from '../../format/when.ts';
import { LABELS } from '../engine/labels.ts';
import { openContext, openProjectOrName } from './open.ts';

interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> | null };
  readonly timeNano: number;
}

const isOurs = (key: string) => !key.startsWith('com.docker.compose.') && !key.startsWith('gantry.compose.');

const command: Command = {
  usage: '[OPTIONS] [SERVICE...]',
  flags: [
    bool('json', 'One JSON object a line'),
    text('since', 'Start with what happened at this time, or so long ago'),
    text('until', 'End at this time'),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  async run(session, flags, services) {
    const project = openProjectOrName(session, services);
    const { api } = await openContext(session, project);
    const now = session.clock.now();
    const filters = filtersQuery([], { type: ['container'], label: [`${LABELS.project}=${project.name}`, `${LABELS.oneOff}=False`] });
    const reply = await api.client.stream('GET', '/events', {
      query: { filters, since: momentQuery(flags.text('since'), now), until: momentQuery(flags.text('until'), now) },
    });
    const show = (line: string) => {
      const { Action, Actor, Type, timeNano } = JSON.parse(line) as EngineEvent;
      const attributes = Actor.Attributes ?? {};
      const service = attributes[LABELS.service] ?? '';
      if (services.length > 0 && !services.includes(service)) return;
      const shown = Object.fromEntries(Object.entries(attributes).filter(([key]) => isOurs(key)));
      const at = new Date(timeNano / 1e6).toISOString();
      if (flags.bool('json'))
        session.out(`${JSON.stringify({ action: Action, attributes: shown, id: Actor.ID, service, time: at, type: Type })}\n`);
      else
        session.out(
          `${at} ${Type} ${Action} ${Actor.ID} (${Object.entries(shown)
            .map(([key, value]) => `${key}=${value}`)
            .sort()
            .join(', ')})\n`,
        );
    };
    let rest = '';
    reply.setEncoding('utf8');
    for await (const chunk of reply) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') show(line);
    }
    return 0;
  },
};
export default command;
