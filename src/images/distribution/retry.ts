import { type Clock, errnoOf } from '../../base/index.ts';
import { RegistryError, TokenExpired } from './failures.ts';
import { ConnectionError } from './transport.ts';

/** Milliseconds before the first repetition; each further one waits twice as long. */
const FIRST_WAIT = 400;
const LONGEST_WAIT = 10_000;
/** A registry that asks for a longer pause than this is told to the user instead. */
const LONGEST_RETRY_AFTER = 60_000;
const PASSING_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504];
const PASSING_CODES: readonly (string | undefined)[] = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORTED_BODY'];

/** Whether the same request may well succeed a little later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return error.passing;
  if (error instanceof TokenExpired) return true;
  if (error instanceof RegistryError) return PASSING_STATUSES.includes(error.status) && (error.retryAfter ?? 0) <= LONGEST_RETRY_AFTER;
  return PASSING_CODES.includes(errnoOf(error));
}

/** Waits before repetition `attempt` (0 is the first), or as long as the registry asked for. */
export function backOff(clock: Clock, attempt: number, error: unknown, signal: AbortSignal): Promise<void> {
  const asked = error instanceof RegistryError ? error.retryAfter : undefined;
  return clock.sleep(asked ?? Math.min(FIRST_WAIT * 2 ** attempt, LONGEST_WAIT), signal);
}

/** Runs `work` up to `attempts` times, as long as what goes wrong is passing. Throws the last error as it is. */
export async function withRetries<T>(clock: Clock, attempts: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (attempt + 1 >= attempts || !isPassing(error)) throw error;
      await backOff(clock, attempt, error, signal);
    }
  }
}
