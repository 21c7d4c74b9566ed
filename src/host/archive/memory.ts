import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { releaseFreeMemory } from '../kernel/index.ts';

/**
 * Collects garbage, and returns what is free to the system. A stream of some hundred megabytes leaves tens of them behind that an
 * idle process would keep for ever: without work there is no allocation, and so no collection. Takes some 20 ms.
 */
export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  collect();
  releaseFreeMemory();
}
