import type { Clock } from '../base/index.ts';
import type { EngineClient } from './client/index.ts';
import type { Entry } from './command.ts';
import type { Settings } from './config/index.ts';
import type { Flags } from './flags/index.ts';

/** Runs another program with `input` on its standard input: credential helpers, and `ssh` for remote engines. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  input: string,
) => Promise<{ code: number; stdout: string; stderr: string }>;

/** What the process is given from outside; tests bring their own. */
export interface Surroundings {
  /** The words after the command's own name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly runProgram: RunProgram;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Touching standard input starts reading machinery, so it is fetched only when wanted. */
  readonly stdin: () => NodeJS.ReadStream;
  /** Registers for a signal of the process; returns the way back. */
  readonly onSignal: (name: NodeJS.Signals, run: () => void) => () => void;
}

/** One run of the command: its surroundings, its settings, and the engine it talks to. */
export interface Session extends Surroundings {
  /** Every word of the command line, for completion. */
  readonly commands: readonly Entry[];
  readonly settings: Settings;
  /** Flags that stood before the command. */
  readonly globals: Flags;
  /** Flags that stood between a group and its command, where the group has such. */
  readonly leading: Flags | undefined;
  /** Address of the engine, as chosen by flags, environment and contexts. */
  readonly engineAddress: string;
  /** Connects on first use and agrees on an API version. Throws `CommandFailure` when nothing answers. */
  client(): Promise<EngineClient>;
  out(text: string): void;
  err(text: string): void;
}
