import { constants } from 'node:os';
import { CommandFailure } from '../failure.ts';
import type { Session } from '../session.ts';

/** What a user or a service manager may send to this command, meaning the container. */
const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGABRT',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
  'SIGTRAP',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
];

const IMPATIENT = 3;

export const signalNumber = (name: NodeJS.Signals): number => constants.signals[name];

/**
 * Sends each signal on by `kill`, until the returned function is called. The third interrupt ends the command itself:
 * its promise is `gaveUp`.
 */
export function forwardSignals(session: Session, kill: (signal: string) => Promise<unknown>): { stop: () => void; gaveUp: Promise<never> } {
  let interrupts = 0;
  let giveUp: (error: Error) => void = () => {};
  const gaveUp = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  gaveUp.catch(() => {});
  const stops = FORWARDED.map((name) =>
    session.onSignal(name, () => {
      if (name === 'SIGINT' || name === 'SIGTERM') interrupts += 1;
      if (interrupts >= IMPATIENT) giveUp(new CommandFailure(`got ${IMPATIENT} SIGTERM/SIGINTs, forcefully exiting`));
      // The container may have ended just now; its exit code tells the story then.
      kill(name.replace(/^SIG/, '')).catch((error: unknown) => {
        if (session.globals.bool('debug')) session.err(`could not forward ${name}: ${error instanceof Error ? error.message : error}\n`);
      });
    }),
  );
  return {
    gaveUp,
    stop: () => {
      for (const stop of stops) stop();
    },
  };
}
