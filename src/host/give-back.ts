import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { releaseFreeMemory } from './kernel/index.ts';

interface Collection {
  type: 'major';
  execution: 'sync';
  /** Also what V8 keeps for later, its spare pages among it. */
  flavor: 'last-resort';
}

/**
 * Collects garbage, and returns what is free to the system. Start-up, or a stream of some hundred megabytes, leaves tens of them behind that
 * an idle process would keep for ever: without work there is no allocation, and so no collection. Takes some 40 ms.
 */
export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: Collection) => void;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  releaseFreeMemory();
}
