import { copyOutput } from '../../client/index.ts';
import { containerPath } from '../../commands/each.ts';
import type { Session } from '../../session.ts';
import { wantsColour } from '../../terminal/colour.ts';
import type { Api } from '../engine/api.ts';
import type { Observed } from '../plan/observed.ts';

/** ANSI codes of the names, one container after the other. */
const PAINTS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Number of lines, or `all`. */
  readonly tail: string;
  readonly since?: string;
  readonly until?: string;
  readonly prefix: boolean;
  readonly colour: boolean;
  readonly signal: AbortSignal;
}

/** Shows the lines of several containers side by side, each behind the name of its own. */
export class LogView {
  readonly #session: Session;
  readonly #api: Api;
  readonly #project: string;
  readonly #options: LogOptions;
  #width = 0;
  /** ANSI codes by short names: a successor looks like the one before it. */
  readonly #paints = new Map<string, number>();

  constructor(session: Session, api: Api, project: string, options: LogOptions) {
    this.#session = session;
    this.#api = api;
    this.#project = project;
    this.#options = options;
  }

  /** `shop-web-1` is `web-1`: the project is plain. So is `0123456789ab_shop-web-1`, which is about to replace it. */
  shortName(name: string): string {
    const last = name.replace(/^[0-9a-f]{12}_/, '');
    return last.startsWith(`${this.#project}-`) ? last.slice(this.#project.length + 1) : last;
  }

  /** Makes room for names before the first line comes. */
  expect(names: readonly string[]): void {
    this.#width = Math.max(this.#width, ...names.map((name) => this.shortName(name).length));
  }

  /** Shows the lines of one container until there are no more. */
  async show({ id, name }: Pick<Observed, 'id' | 'name'>, more: Partial<LogOptions> = {}): Promise<void> {
    const options = { ...this.#options, ...more };
    const { Config } = await this.#api.inspect(id);
    const reply = await this.#api.client.stream('GET', containerPath(id, '/logs'), {
      query: {
        stdout: true,
        stderr: true,
        follow: options.follow || undefined,
        timestamps: options.timestamps || undefined,
        tail: options.tail,
        since: options.since,
        until: options.until,
      },
      signal: options.signal,
    });
    const write = this.#writer(name);
    const lines = [new Lines(write), new Lines(write)] as const;
    await copyOutput(reply, !Config.Tty, { stdout: (data) => lines[0].push(data), stderr: (data) => lines[1].push(data) }).catch(
      (error: unknown) => {
        if (!options.signal.aborted) throw error;
      },
    );
    for (const one of lines) one.end();
  }

  #writer(name: string): (line: string) => void {
    const short = this.shortName(name);
    this.expect([name]);
    const code = this.#paints.get(short) ?? PAINTS[this.#paints.size % PAINTS.length] ?? 0;
    this.#paints.set(short, code);
    const coloured = this.#options.colour && wantsColour(this.#session.stdout, this.#session.env);
    return (line) => {
      const head = `${short.padEnd(this.#width)}  | `;
      this.#session.out(`${this.#options.prefix ? (coloured ? `\x1b[${code}m${head}\x1b[0m` : head) : ''}${line}\n`);
    };
  }
}

/** Cuts a stream of bytes into lines. */
class Lines {
  readonly #write: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  push(data: Buffer): void {
    const lines = (this.#rest + this.#decoder.decode(data, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#write(line.replace(/\r$/, ''));
  }

  end(): void {
    if (this.#rest !== '') this.#write(this.#rest);
    this.#rest = '';
  }
}
