import { type Flags, int, text } from '../../flags/index.ts';

/** How `stop` and `restart` end a container. */
export const stopFlags = [
  text('signal', 'Signal that asks the container to stop', { short: 's' }),
  int('timeout', 'Seconds to wait before the container is killed; -1 waits for ever', { short: 't' }),
  int('time', 'The same as --timeout', { hidden: true }),
];

/** Undefined leaves it to the container's own setting. */
export function secondsToWait(flags: Flags): number | undefined {
  if (flags.given('timeout')) return flags.number('timeout');
  return flags.given('time') ? flags.number('time') : undefined;
}
