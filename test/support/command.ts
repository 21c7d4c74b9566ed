import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

/** Root of the project. */
export const PROJECT = path.resolve(import.meta.dirname, '../..');

export interface Outcome {
  /** Exit status; 128 + signal number is not faked: null when a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  /** Milliseconds until the command is killed; 60 s unless told. */
  timeout?: number;
}

/** Runs a command to its end. Never fails because of its exit status: tests look at that. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = start(command, args, options);
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  const status = await exitOf(child);
  return { status, stdout: await stdout, stderr: await stderr };
}

/** Runs a command that must succeed, and answers its standard output without the last line end. */
export async function must(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr.trim() || stdout.trim()}`);
  return stdout.replace(/\n$/, '');
}

export function start(command: string, args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(command, args, {
    env: { ...process.env, ...options.env },
    timeout: options.timeout ?? 60_000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}

export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(child.exitCode);
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}

async function text(stream: AsyncIterable<Buffer> | null): Promise<string> {
  const chunks: Buffer[] = [];
  if (stream) for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Tries `probe` every 100 ms until it answers something other than undefined or false. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined | false>, within = 20_000): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${within} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
