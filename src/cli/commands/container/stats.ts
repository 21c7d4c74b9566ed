import { type EngineClient, jsonStream } from '../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, formatFlag } from '../../flags/index.ts';
import type { Session } from '../../session.ts';
import { type Format, fit, readFormat, renderListing } from '../../table/index.ts';
import { containerPath } from '../each.ts';
import type { ListedContainer } from './ps.ts';
import { type Sample, STATS_HEADERS, sampleRow, summarize, type UsageReport } from './usage.ts';

const REDRAW_MILLISECONDS = 500;
const LOOK_FOR_NEW_MILLISECONDS = 2000;
const CLEAR = '\x1b[2J\x1b[H';

async function listIds(client: EngineClient, all: boolean): Promise<string[]> {
  const containers = (await client.json<ListedContainer[] | null>('GET', '/containers/json', { query: { all: all || undefined } })) ?? [];
  return containers.map((one) => one.Id.slice(0, 12));
}

/** One measurement of each container; the engine takes two, a second apart, to know the use of processors. */
async function once(client: EngineClient, names: readonly string[]): Promise<Sample[]> {
  return Promise.all(
    names.map(async (name) =>
      summarize(name, await client.json<UsageReport>('GET', containerPath(name, '/stats'), { query: { stream: '0' } })),
    ),
  );
}

/** Keeps the newest measurement of containers while they live. */
class Watch {
  readonly #client: EngineClient;
  readonly samples = new Map<string, Sample | undefined>();
  readonly #abort = new AbortController();

  constructor(client: EngineClient) {
    this.#client = client;
  }

  add(name: string): void {
    if (this.samples.has(name)) return;
    this.samples.set(name, undefined);
    void this.#follow(name);
  }

  async #follow(name: string): Promise<void> {
    try {
      const reply = await this.#client.stream('GET', containerPath(name, '/stats'), { query: { stream: '1' }, signal: this.#abort.signal });
      for await (const report of jsonStream(reply)) this.samples.set(name, summarize(name, report as UsageReport));
    } catch {
      // The container is gone, or the engine is: its line goes, and the next listing tells which.
    }
    this.samples.delete(name);
  }

  stop(): void {
    this.#abort.abort();
  }
}

function draw(session: Session, format: Format, samples: readonly Sample[], truncate: boolean, clear: boolean): void {
  const text = renderListing(
    format,
    samples.map((sample) => sampleRow(sample, truncate)),
    STATS_HEADERS,
  );
  session.out((clear ? CLEAR : '') + (format.table ? fit(session, text, truncate) : text));
}

async function follow(
  session: Session,
  client: EngineClient,
  format: Format,
  names: readonly string[],
  all: boolean,
  truncate: boolean,
): Promise<void> {
  const watch = new Watch(client);
  let looked = Number.NEGATIVE_INFINITY;
  try {
    for (;;) {
      if (names.length === 0 && session.clock.now() - looked >= LOOK_FOR_NEW_MILLISECONDS) {
        looked = session.clock.now();
        for (const id of await listIds(client, all)) watch.add(id);
      } else for (const name of names) if (looked === Number.NEGATIVE_INFINITY) watch.add(name);
      if (names.length > 0) looked = 0;
      await session.clock.sleep(REDRAW_MILLISECONDS);
      if (names.length > 0 && watch.samples.size === 0) return;
      const samples = [...watch.samples].map(([name, sample]) => sample ?? summarize(name, undefined));
      draw(session, format, samples, truncate, format.table);
    }
  } finally {
    watch.stop();
  }
}

const command: Command = {
  usage: '[OPTIONS] [CONTAINER...]',
  about: 'Shows what containers use, again and again. All running ones when none is named.',
  flags: [
    bool('all', 'Show stopped containers too', { short: 'a' }),
    formatFlag(),
    bool('no-stream', 'Measure once and end'),
    bool('no-trunc', 'Show ids at full length'),
  ],
  args: [0, Number.POSITIVE_INFINITY],
  completes: 'running',
  async run(session, flags, names) {
    const builtIn = '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}';
    const format = readFormat(flags.text('format') || (session.settings.file.statsFormat ?? ''), builtIn);
    const truncate = !flags.bool('no-trunc');
    const client = await session.client();
    // Names are checked first: a wrong one is an error, not an empty line.
    for (const name of names) await client.text('GET', containerPath(name, '/json'));
    if (!flags.bool('no-stream')) {
      await follow(session, client, format, names, flags.bool('all'), truncate);
      return;
    }
    draw(session, format, await once(client, names.length > 0 ? names : await listIds(client, flags.bool('all'))), truncate, false);
  },
};
export default command;
