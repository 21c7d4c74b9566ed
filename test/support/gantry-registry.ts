import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { eventually, must, type Outcome, PROJECT, type RunOptions, run } from './command.ts';
import type { TestHost } from './test-host.ts';

const GANTRY = path.join(PROJECT, 'bin/gantry');

/** `gantry registry serve` with a root of its own, on a port of the loopback that it chooses itself. */
export interface TestGantryRegistry extends AsyncDisposable {
  readonly root: string;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly url: string;
  kill9(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  /** `gantry registry COMMAND … --root` of this registry; its output. */
  command(...args: string[]): Promise<string>;
  commandWith(options: RunOptions, ...args: string[]): Promise<Outcome>;
  signal(name: NodeJS.Signals): void;
  log(): string;
}

export async function startGantryRegistry(
  options: { flags?: readonly string[]; listen?: string; host?: TestHost } = {},
): Promise<TestGantryRegistry> {
  const root = mkdtempSync('/var/tmp/gantry-registry-');
  const file = path.join(root, 'log');
  let child: ChildProcess | undefined;
  let address = options.listen ?? '127.0.0.1:0';
  const log = () => readFileSync(file, 'utf8');
  const end = async (signal: NodeJS.Signals) => {
    // One that has ended by itself will not end again.
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    child = undefined;
  };
  const registry: TestGantryRegistry = {
    root,
    get address() {
      return address;
    },
    get url() {
      return `http://${address}`;
    },
    log,
    async start() {
      const sink = openSync(file, 'a');
      const seen = log().length;
      const args = ['registry', 'serve', '--root', path.join(root, 'data'), '--listen', address, ...(options.flags ?? [])];
      const [program, words] = options.host?.inside(GANTRY, args) ?? [GANTRY, args];
      const started = spawn(program, words, { stdio: ['ignore', sink, sink] });
      closeSync(sink);
      child = started;
      address = await eventually('the registry to be ready', async () => {
        if (started.exitCode !== null) throw new Error(`the registry ended at its start:\n${log().slice(seen)}`);
        return /listening on https?:\/\/(\S+)/.exec(log().slice(seen))?.[1];
      });
    },
    kill9: () => end('SIGKILL'),
    command: (...args) => must(GANTRY, ['registry', ...args, '--root', path.join(root, 'data')]),
    commandWith: (given, ...args) => run(GANTRY, ['registry', ...args, '--root', path.join(root, 'data')], given),
    signal: (name) => void child?.kill(name),
    async [Symbol.asyncDispose]() {
      await end('SIGTERM');
      await rm(root, { recursive: true, force: true });
    },
  };
  await registry.start();
  return registry;
}
