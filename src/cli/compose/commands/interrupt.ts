import { CommandFailure } from '../../failure.ts';
import type { Session } from '../../session.ts';

const INTERRUPTED = 130;

/**
 * Does `work` with a signal that the first Ctrl-C aborts, so that what is half done is undone or finished; the second one ends the
 * command as usual. Throws with exit code 130 what the work threw after that.
 */
export async function interruptibly<T>(session: Session, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const stops = (['SIGINT', 'SIGTERM'] as const).map((name) =>
    session.onSignal(name, () => {
      letGo();
      session.err('\nInterrupted: putting in order what is half done… (press Ctrl+C again to leave it)\n');
      stop.abort(new CommandFailure('interrupted', INTERRUPTED));
    }),
  );
  const letGo = () => {
    for (const one of stops) one();
  };
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw new CommandFailure(error instanceof Error ? error.message : String(error), INTERRUPTED, error);
  } finally {
    letGo();
  }
}
