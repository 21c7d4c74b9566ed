import type { Completes, FlagSpec, Flags } from './flags/index.ts';
import type { Session } from './session.ts';

/** One command: what it takes and what it does. Help and shell completion are made from this. */
export interface Command {
  /** What follows the command's name: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string;
  /** Whole sentences for the help page; the tree's summary is shown when absent. */
  readonly about?: string;
  readonly flags: readonly FlagSpec[];
  /** Least and most arguments. */
  readonly args: readonly [least: number, most: number];
  /** What the arguments are, for completion. */
  readonly completes?: Completes;
  /** Flags end at the first argument: the rest is the container's command line. */
  readonly stopAtArgument?: boolean;
  /** Resolves to the exit code; nothing means 0. Throws `CommandFailure`. */
  run(session: Session, flags: Flags, args: readonly string[]): Promise<number | undefined>;
}

/** A word of the command line: either a command, loaded when it is run, or a group of more words. */
export interface Entry {
  readonly name: string;
  readonly summary: string;
  /** Heading on the front help page. */
  readonly section?: 'common' | 'group' | 'other';
  readonly aliases?: readonly string[];
  readonly load?: () => Promise<{ readonly default: Command }>;
  readonly children?: readonly Entry[];
  /** Of a group: flags that stand before the next word. */
  readonly flags?: readonly FlagSpec[];
  /** Other ways to write the same, for the help page. */
  readonly alsoAs?: readonly string[];
}
