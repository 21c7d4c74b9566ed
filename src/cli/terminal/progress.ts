import { jsonStream } from '../client/index.ts';
import { CommandFailure } from '../failure.ts';
import { decimalSize, ellipsis } from '../format/index.ts';
import type { Session } from '../session.ts';

/** One message of pull, push, load, import or build. */
export interface ProgressMessage {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly progressDetail?: {
    readonly current?: number;
    readonly total?: number;
    readonly units?: string;
    readonly hidecounts?: boolean;
  } | null;
  readonly progress?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
  readonly aux?: unknown;
}

const BAR = 50;
const NARROW = 110;

/** `[=====>     ]  1.2MB/3.4MB`; only the counts on a narrow terminal, nothing when the size is unknown. */
export function progressBar(detail: ProgressMessage['progressDetail'], columns: number): string {
  const current = detail?.current ?? 0;
  const total = detail?.total ?? 0;
  if (current <= 0 && total <= 0) return '';
  const count = (value: number) => (detail?.units ? `${value} ${detail.units}` : decimalSize(value, 4));
  if (total <= 0) return count(current).padStart(8);
  const filled = Math.min(BAR, Math.trunc((current / total) * BAR));
  const bar = columns > NARROW ? `[${'='.repeat(filled)}>${' '.repeat(BAR - filled)}] ` : '';
  if (detail?.hidecounts) return bar;
  return `${bar}${count(current).padStart(8)}${current <= total ? `/${count(total)}` : ''}`;
}

export interface ProgressSink {
  write(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
}

/**
 * Draws messages: on a terminal each id has its own line that is redrawn, otherwise each new status is one line.
 * `stream` text is printed as it is.
 */
export class ProgressView {
  readonly #sink: ProgressSink;
  #lines = new Map<string, number>();

  constructor(sink: ProgressSink) {
    this.#sink = sink;
  }

  show(message: ProgressMessage): void {
    const bar = progressBar(message.progressDetail, this.#sink.columns) || message.progress || '';
    const ownLine =
      message.id !== undefined && message.id !== '' && (message.progressDetail !== undefined || message.progress !== undefined);
    if (!this.#sink.isTTY) {
      if (bar !== '' && message.stream === undefined) return;
      this.#plain(message);
      return;
    }
    if (!ownLine) {
      this.#lines = new Map();
      this.#plain(message);
      return;
    }
    this.#redraw(message.id ?? '', `${message.id}: ${message.status ?? ''}${bar ? ` ${bar}` : ''}`);
  }

  #plain(message: ProgressMessage): void {
    if (message.stream !== undefined) this.#sink.write(message.stream);
    else if (message.status !== undefined)
      this.#sink.write(`${message.id ? `${message.id}: ` : ''}${message.status}${message.progress ? ` ${message.progress}` : ''}\n`);
  }

  #redraw(id: string, text: string): void {
    let line = this.#lines.get(id);
    if (line === undefined) {
      line = this.#lines.size;
      this.#lines.set(id, line);
      this.#sink.write('\n');
    }
    const up = this.#lines.size - line;
    // A line that wraps would take two rows, and the count of rows would be wrong from then on.
    this.#sink.write(`\x1b[${up}A\x1b[2K\r${ellipsis(text, this.#sink.columns)}\r\x1b[${up}B`);
  }
}

/** Shows a progress stream to its end. Throws `CommandFailure` with the error that the engine puts into it; hands `aux` values on. */
export async function showProgress(
  session: Session,
  source: AsyncIterable<Buffer>,
  options: { quiet?: boolean; toStderr?: boolean; aux?: (value: unknown) => void; collect?: (text: string) => void } = {},
): Promise<void> {
  const stream = options.toStderr ? session.stderr : session.stdout;
  const view = new ProgressView({ write: (text) => void stream.write(text), isTTY: stream.isTTY === true, columns: stream.columns ?? 80 });
  for await (const value of jsonStream(source)) {
    const message = value as ProgressMessage;
    if (message.error !== undefined || message.errorDetail) {
      const code = message.errorDetail?.code;
      throw new CommandFailure(
        message.errorDetail?.message ?? message.error ?? 'the engine reported an error without words',
        code && code > 0 && code < 256 ? code : 1,
      );
    }
    if (message.aux !== undefined && message.aux !== null) options.aux?.(message.aux);
    if (options.collect) options.collect(message.stream ?? '');
    if (!options.quiet) view.show(message);
  }
}
