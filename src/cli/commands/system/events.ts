import { parseJson } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { filterFlag, formatFlag, text } from '../../flags/index.ts';
import { localRfc3339 } from '../../format/index.ts';
import { momentQuery } from '../../format/when.ts';
import { type Format, readFormat, renderListing } from '../../table/index.ts';
import { Row } from '../../template/index.ts';
import { filtersQuery } from '../each.ts';

interface EngineEvent {
  readonly status?: string;
  readonly id?: string;
  readonly from?: string;
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> | null };
  readonly scope?: string;
  readonly time: number;
  readonly timeNano: bigint | number;
}

const NANOSECONDS = 1_000_000_000n;

/** `2026-11-22T21:45:46.278048699Z` in the local zone. */
function eventTime(event: EngineEvent): string {
  const nano = event.timeNano ? BigInt(event.timeNano) : BigInt(event.time) * NANOSECONDS;
  const whole = localRfc3339(Number(nano / NANOSECONDS));
  return `${whole.slice(0, 19)}.${(nano % NANOSECONDS).toString().padStart(9, '0')}${whole.slice(19)}`;
}

function plainLine(event: EngineEvent): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  return `${eventTime(event)} ${event.Type} ${event.Action} ${event.Actor.ID}${attributes.length > 0 ? ` (${attributes.join(', ')})` : ''}\n`;
}

function eventRow(event: EngineEvent): Row {
  return new Row('eventContext', {
    Status: () => event.status ?? '',
    ID: () => event.id ?? '',
    From: () => event.from ?? '',
    Type: () => event.Type,
    Action: () => event.Action,
    Actor: () => ({ ID: event.Actor.ID, Attributes: event.Actor.Attributes ?? {} }),
    Scope: () => event.scope ?? '',
    Time: () => event.time,
    TimeNano: () => event.timeNano,
  });
}

const command: Command = {
  usage: '[OPTIONS]',
  about: 'Prints what happens in the engine, as it happens.',
  flags: [
    filterFlag('f'),
    formatFlag(),
    text('since', 'Start with what happened at this time, or so long ago'),
    text('until', 'End at this time'),
  ],
  args: [0, 0],
  async run(session, flags) {
    const given = flags.text('format');
    const format: Format | undefined = given === '' ? undefined : readFormat(given, '');
    const now = session.clock.now();
    const query = {
      since: momentQuery(flags.text('since'), now),
      until: momentQuery(flags.text('until'), now),
      filters: filtersQuery(flags.list('filter')),
    };
    const client = await session.client();
    const reply = await client.stream('GET', '/events', { query });
    const show = (line: string) => {
      if (format?.json) return session.out(`${line}\n`);
      const event = parseJson(line) as EngineEvent;
      session.out(format ? renderListing({ ...format, table: false }, [eventRow(event)], {}) : plainLine(event));
    };
    let rest = '';
    reply.setEncoding('utf8');
    for await (const chunk of reply) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') show(line.trim());
    }
    if (rest.trim() !== '') show(rest.trim());
  },
};
export default command;
