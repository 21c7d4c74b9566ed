import type { ChildProcess } from 'node:child_process';
import { eventually, exitOf, type RunOptions, start } from './command.ts';

/** A command on a terminal of its own, typed at and read as a person would. */
export class Terminal implements Disposable {
  readonly #child: ChildProcess;
  #screen = '';

  constructor(command: string, args: readonly string[], options: RunOptions = {}) {
    const line = [command, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    this.#child = start('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], options);
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#screen += chunk.toString();
    });
  }

  /** All that was shown so far, without colour and cursor sequences. */
  get screen(): string {
    // biome-ignore lint/complexity/useRegexLiterals: the escape character is easier to see spelled out
    return this.#screen.replace(new RegExp('\\u001b\\[[0-9;?]*[A-Za-z]', 'g'), '').replaceAll('\r\n', '\n');
  }

  /** Waits until the screen shows `pattern` and answers the match. */
  sees(pattern: RegExp, within = 15_000): Promise<RegExpExecArray> {
    const shown = eventually(`${pattern} on the terminal`, async () => pattern.exec(this.screen) ?? undefined, within);
    return shown.catch((error) => {
      throw new Error(`${(error as Error).message}; it shows:\n${this.screen}`);
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits for the command to end and answers its exit status. */
  ended(): Promise<number | null> {
    return exitOf(this.#child);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
