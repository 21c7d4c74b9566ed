import { CommandFailure } from '../failure.ts';
import type { Session } from '../session.ts';

/** Docker's own bound on requests in flight. */
const AT_ONCE = 50;

/**
 * Does `work` for every name, many at a time, and prints each name that succeeded, in order.
 * Throws one `CommandFailure` with all that went wrong.
 */
export async function forEachName(
  session: Session,
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
  options: { atOnce?: number; silent?: boolean } = {},
): Promise<void> {
  const results: Promise<unknown>[] = [];
  const running = new Set<Promise<unknown>>();
  const failures: string[] = [];
  const report = async (name: string, result: Promise<unknown>) => {
    try {
      await result;
      if (!options.silent) session.out(`${name}\n`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  let reported = Promise.resolve();
  for (const name of names) {
    if (running.size >= (options.atOnce ?? AT_ONCE)) await Promise.race(running);
    const result = work(name);
    const settled: Promise<unknown> = result.then(
      () => running.delete(settled),
      () => running.delete(settled),
    );
    running.add(settled);
    results.push(result);
    reported = reported.then(() => report(name, result));
  }
  await reported;
  if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
}

/** A path of the API under one container. */
export const containerPath = (name: string, rest = '') =>
  `/containers/${encodeURIComponent(name.replace(/^\/+/, '')).replaceAll('%2F', '/')}${rest}`;

/** An image name in a path keeps its slashes and colons, as the API wants them. */
export const imagePath = (name: string, rest = '') =>
  `/images/${encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@')}${rest}`;

/** The API's `filters` parameter of repeated `name=value` flags; undefined when there are none. */
export function filtersQuery(filters: readonly string[], more: Record<string, readonly string[]> = {}): string | undefined {
  const all: Record<string, Record<string, boolean>> = {};
  const add = (name: string, value: string) => {
    all[name] = { ...all[name], [value]: true };
  };
  for (const [name, values] of Object.entries(more)) for (const value of values) add(name, value);
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    add(filter.slice(0, equals).trim().toLowerCase(), filter.slice(equals + 1).trim());
  }
  return Object.keys(all).length === 0 ? undefined : JSON.stringify(all);
}
