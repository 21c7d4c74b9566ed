import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { eventually, type Outcome, PROJECT, type RunOptions, run } from './command.ts';
import { type Footprint, footprint, killCgroup, removeCgroups, unmountBelow } from './footprint.ts';
import { imageFile, type TestImage } from './images.ts';
import { startTestHost, type TestHost } from './test-host.ts';

const CLIENT = path.join(PROJECT, '.cache/clients/docker');
const PLUGINS = path.join(PROJECT, '.cache/clients/cli-plugins');

export interface DaemonOptions {
  /** Further flags for gantryd. */
  flags?: readonly string[];
  /** Images to load before the first test. */
  images?: readonly TestImage[];
  env?: Record<string, string>;
  /** Plugins for the Docker client, such as `buildx` and `compose`; it has none unless told. */
  plugins?: readonly string[];
  /** Files that the daemon shall not find: absolute paths. It gets mounts of its own then, in which they can't be run. */
  hidden?: readonly string[];
  /** A host to share with another daemon; the caller ends it. */
  host?: TestHost;
}

/** A daemon with roots, cgroups and a network of its own. Leaving its scope removes its containers and all that it made. */
export interface TestDaemon extends AsyncDisposable {
  readonly root: string;
  readonly socket: string;
  readonly host: TestHost;
  /** The daemon's process id. Throws when it is down. */
  readonly pid: number;
  /** Runs the real Docker client against this daemon. */
  docker(...args: string[]): Promise<Outcome>;
  dockerWith(options: RunOptions, ...args: string[]): Promise<Outcome>;
  /** Runs the Docker client, which must succeed, and answers its trimmed standard output. */
  ok(...args: string[]): Promise<string>;
  /** The command line and environment of the Docker client, for tests that start it themselves. */
  client(...args: string[]): [string, string[]];
  readonly clientEnv: Record<string, string>;
  load(...images: TestImage[]): Promise<void>;
  /** Ends the daemon as a service manager would. Containers go on. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** Starts it again after stop() or kill9(). */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** What the machine holds on behalf of this daemon. */
  footprint(): Promise<Footprint>;
  /** All that the daemon has written to standard output and error. */
  log(): string;
}

/** GANTRY_TEST_PEER names a program that runs instead of gantryd, to check the tests themselves against another engine: PEER ROOT SOCKET. */
const PEER = process.env.GANTRY_TEST_PEER;

export async function startDaemon(options: DaemonOptions = {}): Promise<TestDaemon> {
  const host = options.host ?? (await startTestHost());
  const daemon = new Daemon(host, options);
  try {
    daemon.plugIn(options.plugins ?? []);
    await daemon.start();
    await daemon.load(...(options.images ?? []));
    return daemon;
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

class Daemon implements TestDaemon {
  readonly root = mkdtempSync('/var/tmp/gantry-test-');
  readonly socket = path.join(this.root, 'gantry.sock');
  readonly cgroupParent = `/${path.basename(this.root)}`;
  readonly host: TestHost;
  readonly #options: DaemonOptions;
  #process: ChildProcess | undefined;

  constructor(host: TestHost, options: DaemonOptions) {
    this.host = host;
    this.#options = options;
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('the test daemon is not running');
    return this.#process.pid;
  }

  docker(...args: string[]): Promise<Outcome> {
    return this.dockerWith({}, ...args);
  }

  dockerWith(options: RunOptions, ...args: string[]): Promise<Outcome> {
    return run(...this.client(...args), { ...options, env: { ...this.clientEnv, ...options.env } });
  }

  client(...args: string[]): [string, string[]] {
    return this.host.inside(CLIENT, args);
  }

  get clientEnv(): Record<string, string> {
    return { DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: path.join(this.root, 'client') };
  }

  plugIn(plugins: readonly string[]): void {
    const folder = path.join(this.root, 'client/cli-plugins');
    mkdirSync(folder, { recursive: true });
    for (const name of plugins) symlinkSync(path.join(PLUGINS, `docker-${name}`), path.join(folder, `docker-${name}`));
  }

  async ok(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.docker(...args);
    if (status !== 0) throw new Error(`docker ${args.join(' ')} ended with ${status}: ${stderr.trim()}`);
    return stdout.trim();
  }

  async load(...images: TestImage[]): Promise<void> {
    for (const image of images) await this.ok('load', '--quiet', '--input', await imageFile(image));
  }

  async start(): Promise<void> {
    if (this.#process) throw new Error('the test daemon runs already');
    const [program, flags] = PEER ? [PEER, [this.root, this.socket]] : [path.join(PROJECT, 'bin/gantryd'), this.#flags()];
    const [command, args] = this.host.inside(...hiding(this.#options.hidden ?? [], program, flags));
    const sink = openSync(this.#logFile, 'a');
    const seen = this.log().length;
    const child = spawn(command, args, { stdio: ['ignore', sink, sink], env: { ...process.env, ...this.#options.env } });
    closeSync(sink);
    this.#process = child;
    void once(child, 'exit').then(() => {
      if (this.#process === child) this.#process = undefined;
    });
    await eventually('the ready line of gantryd', async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`gantryd ended at its start:\n${this.log().slice(seen)}`);
      return /^gantryd ready\b|API listen on/m.test(this.log().slice(seen));
    });
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  footprint(): Promise<Footprint> {
    return footprint({ root: this.root, cgroupParent: this.cgroupParent, host: this.host, except: this.#process?.pid });
  }

  log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process) {
      const { stdout } = await this.docker('ps', '-aq');
      const ids = stdout.split('\n').filter(Boolean);
      if (ids.length > 0) await this.docker('rm', '--force', '--volumes', ...ids);
      await this.stop();
    }
    // Whatever a failed test left behind must not reach the next one.
    await killCgroup(this.cgroupParent);
    await unmountBelow(this.root);
    await removeCgroups(this.cgroupParent);
    if (!this.#options.host) await this.host[Symbol.asyncDispose]();
    await rm(this.root, { recursive: true, force: true });
  }

  get #logFile(): string {
    return path.join(this.root, 'daemon.log');
  }

  #flags(): string[] {
    const at = (name: string) => path.join(this.root, name);
    return [
      ...['--host', `unix://${this.socket}`, '--data-root', at('data'), '--exec-root', at('run'), '--pidfile', at('pid')],
      ...['--cgroup-parent', this.cgroupParent, '--log-level', 'info'],
      ...(this.#options.flags ?? []),
    ];
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    this.#process = undefined;
    const ended = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(late);
  }
}

function hiding(files: readonly string[], program: string, flags: readonly string[]): [string, readonly string[]] {
  if (files.length === 0) return [program, flags];
  const script = `${files.map((file) => `mount --bind /dev/null ${file}`).join(' && ')} && exec "$0" "$@"`;
  return ['unshare', ['--mount', '--propagation', 'slave', 'sh', '-c', script, program, ...flags]];
}
