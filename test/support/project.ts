import { cpSync } from 'node:fs';
import path from 'node:path';
import { type Outcome, PROJECT, type RunOptions, run } from './command.ts';
import type { TestDaemon } from './daemon.ts';
import { Terminal } from './terminal.ts';

/** A compose application in a folder of its own, driven by a real client against a daemon of ours. */
export class ComposeProject {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly #daemon: TestDaemon;
  readonly #command: (args: readonly string[]) => [string, string[]];

  /** `source` is a folder below the project's root, copied so that tests may change it. `client` is `docker compose`, the older docker-compose, or Gantry's own. */
  constructor(
    daemon: TestDaemon,
    source: string,
    env: Record<string, string> = {},
    client: 'compose' | 'docker-compose' | 'gantry' = 'compose',
  ) {
    this.#daemon = daemon;
    this.folder = path.join(daemon.root, client, path.basename(source));
    this.env = env;
    const gantry = path.join(PROJECT, 'bin/gantry');
    this.#command = {
      compose: (args: readonly string[]) => daemon.client('compose', ...args),
      'docker-compose': (args: readonly string[]) => daemon.host.inside('docker-compose', args),
      gantry: (args: readonly string[]) => daemon.host.inside(gantry, ['compose', ...args]),
    }[client];
    cpSync(path.join(PROJECT, source), this.folder, { recursive: true });
  }

  run(...args: string[]): Promise<Outcome> {
    return run(...this.#command(args), this.#options());
  }

  /** Runs the client, which must succeed, and answers its trimmed standard output. */
  async ok(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    if (status !== 0) throw new Error(`compose ${args.join(' ')} ended with ${status}: ${stderr.trim()}`);
    return stdout.trim();
  }

  /** Runs the client, which must fail, and answers all that it said. */
  async fails(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    if (status === 0) throw new Error(`compose ${args.join(' ')} should have failed`);
    return stdout + stderr;
  }

  /** The client on a terminal, where it can be watched and interrupted. */
  terminal(...args: string[]): Terminal {
    return new Terminal(...this.#command(args), this.#options());
  }

  /** Id of a service's first container. */
  id(service: string): Promise<string> {
    return this.ok('ps', '--all', '--quiet', service);
  }

  inspect(service: string, format: string): Promise<string> {
    return this.id(service).then((id) => this.#daemon.ok('inspect', '--format', format, id));
  }

  #options(): RunOptions {
    // The older docker-compose builds by calling `docker`.
    const searchPath = `${path.join(PROJECT, '.cache/clients')}:${process.env['PATH']}`;
    return { cwd: this.folder, env: { PATH: searchPath, ...this.#daemon.clientEnv, ...this.env }, timeout: 120_000 };
  }
}
