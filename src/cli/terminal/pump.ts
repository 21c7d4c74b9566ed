import type { Duplex } from 'node:stream';
import { copyOutput, type Hijacked } from '../client/index.ts';
import { CommandFailure } from '../failure.ts';
import type { Session } from '../session.ts';
import { DEFAULT_DETACH_KEYS, DetachWatch, parseDetachKeys } from './detach.ts';

export interface PumpOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The other side is a terminal: output is raw, and keys are sent as they are typed. */
  readonly tty: boolean;
  /** Keys that end the session; empty takes the user's setting or Docker's default. */
  readonly detachKeys: string;
}

/** The keys in force: flag, then `detachKeys` of the settings, then Docker's. */
export const detachKeys = (session: Session, given: string) => given || session.settings.file.detachKeys || DEFAULT_DETACH_KEYS;

/** Refuses a terminal inside without one outside, as it could not work. */
export function requireTerminal(session: Session, code: number): void {
  if (session.stdin().isTTY) return;
  throw new CommandFailure('the input device is not a TTY', code);
}

/**
 * Node's raw mode still turns each newline of the output into CR LF, which draws full-screen programs wrongly.
 * `stty` turns that off; without that program the session works, with this one flaw.
 */
async function enterRaw(session: Session, stdin: NodeJS.ReadStream): Promise<void> {
  stdin.setRawMode(true);
  await session.runProgram('stty', ['-F', `/proc/${process.pid}/fd/0`, '-opost'], '').catch(() => {});
}

/** Sends standard input until it ends or the detach keys come; then `detached` runs, or the socket is half-closed. */
function sendInput(session: Session, socket: Duplex, options: PumpOptions, detached: () => void): () => void {
  const stdin = session.stdin();
  const raw = usesRaw(session, options);
  // The engine watches for the keys as well; the one that sees them first wins, and both mean the same.
  const watch = new DetachWatch(options.tty ? parseDetachKeys(detachKeys(session, options.detachKeys)) : []);
  const onData = (chunk: Buffer) => {
    const { data, detached: done } = watch.feed(chunk);
    if (data.length > 0 && socket.writable && !socket.write(data)) {
      stdin.pause();
      socket.once('drain', () => stdin.resume());
    }
    if (done) detached();
  };
  const onEnd = () => socket.end();
  stdin.on('data', onData);
  stdin.on('end', onEnd);
  stdin.resume();
  return () => {
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    if (raw) stdin.setRawMode(false);
    stdin.pause();
  };
}

const usesRaw = (session: Session, options: PumpOptions) => options.stdin && options.tty && session.stdin().isTTY === true;

/** Holds output back until the terminal is ready for it. */
class Gate {
  #held: (() => void)[] | undefined = [];

  pass(write: () => void): void {
    if (this.#held) this.#held.push(write);
    else write();
  }

  open(): void {
    for (const write of this.#held ?? []) write();
    this.#held = undefined;
  }
}

/** Joins the user's streams with a container's until its output ends (`ended`) or the user leaves (`detached`). */
export async function pump(session: Session, hijacked: Hijacked, options: PumpOptions): Promise<'ended' | 'detached'> {
  const { socket } = hijacked;
  const gate = new Gate();
  const ready = usesRaw(session, options) ? enterRaw(session, session.stdin()).then(() => gate.open()) : gate.open();
  const output = copyOutput(socket, !options.tty, {
    stdout: (data) => {
      if (options.stdout) gate.pass(() => session.stdout.write(data));
    },
    stderr: (data) => {
      if (options.stderr) gate.pass(() => session.stderr.write(data));
    },
  }).then(async () => {
    await ready;
    return 'ended' as const;
  });
  if (!options.stdin) {
    socket.end();
    return output;
  }
  let leave: () => void = () => {};
  const left = new Promise<'detached'>((resolve) => {
    leave = () => resolve('detached');
  });
  const restore = sendInput(session, socket, options, leave);
  try {
    return await Promise.race([output, left]);
  } finally {
    // Or the late change would be made to a terminal that has its own mode back.
    await ready;
    restore();
    socket.destroy();
  }
}
