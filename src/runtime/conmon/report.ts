import type { Readable } from 'node:stream';

/** One line that conmon writes to its sync or attach pipe. */
export interface MonitorReport {
  /** A pid, an exit code, or a negative number for a failure, by context. */
  data: number;
  message?: string;
}

/** Reads conmon's one-line JSON reports in order. */
export class ReportReader {
  #text = '';
  #reports: MonitorReport[] = [];
  #ended = false;
  #waiting: ((report: MonitorReport | undefined) => void)[] = [];

  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => this.#take(chunk));
    stream.on('close', () => this.#end());
    stream.on('error', () => this.#end());
  }

  /** The next report; undefined when the monitor closed the pipe without one. */
  next(): Promise<MonitorReport | undefined> {
    const report = this.#reports.shift();
    if (report || this.#ended) return Promise.resolve(report);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(chunk: string): void {
    this.#text += chunk;
    for (let newline = this.#text.indexOf('\n'); newline >= 0; newline = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, newline);
      this.#text = this.#text.slice(newline + 1);
      if (line !== '') this.#deliver(parseReport(line));
    }
  }

  #deliver(report: MonitorReport): void {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(report);
    else this.#reports.push(report);
  }

  #end(): void {
    this.#ended = true;
    for (const waiter of this.#waiting.splice(0)) waiter(undefined);
  }
}

function parseReport(line: string): MonitorReport {
  try {
    return JSON.parse(line) as MonitorReport;
  } catch {
    // conmon escapes by hand and can get odd bytes of a runtime's message wrong.
    return { data: Number(/"data":\s*(-?\d+)/.exec(line)?.[1] ?? -1), message: /"message":\s*"(.*)"/.exec(line)?.[1] ?? line };
  }
}
