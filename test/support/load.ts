import path from 'node:path';
import { exitOf, PROJECT, start } from './command.ts';

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  /** 1 opens a connection for each request; 0 keeps connections as long as the server does. */
  readonly requestsPerConnection: number;
  /** Asked for the address at each new connection; the system's when absent. */
  readonly nameServer?: string;
  /** Wraps the command line, such as to run it in another network namespace. */
  readonly inside: (command: string, args: readonly string[]) => [string, string[]];
}

export interface LoadResult {
  /** How often each body came. */
  readonly answers: Readonly<Record<string, number>>;
  /** What went wrong, a line each. */
  readonly failures: readonly string[];
}

/** Requests without a pause, until `end` is called. */
export function startLoad(options: LoadOptions): { end(): Promise<LoadResult> } & Disposable {
  const { url, connections, requestsPerConnection, nameServer } = options;
  const words = [
    path.join(PROJECT, 'test/support/load-generator.ts'),
    url,
    String(connections),
    String(requestsPerConnection),
    ...(nameServer ? [nameServer] : []),
  ];
  const child = start(...options.inside(path.join(PROJECT, 'bin/node'), words), { timeout: 120_000 });
  let said = '';
  let complained = '';
  child.stdout?.on('data', (chunk) => (said += chunk));
  child.stderr?.on('data', (chunk) => (complained += chunk));
  return {
    async end() {
      child.stdin?.end();
      const status = await exitOf(child);
      if (status !== 0) throw new Error(`the load generator ended with ${status}: ${complained}`);
      return JSON.parse(said) as LoadResult;
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
