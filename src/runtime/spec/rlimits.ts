import { invalid } from '../../base/index.ts';
import { ULIMIT_NAMES, type Ulimit } from '../../model/index.ts';
import type { OciProcess } from './oci.ts';

/** In V8 already (TC39 proposal-json-parse-with-source), not yet in TypeScript's library. */
declare global {
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

/**
 * OCI rlimits for the asked ulimits; -1 means unlimited.
 * Errors: `invalid` for an unknown name, a soft above the hard limit, or more than the daemon may hand on.
 */
export function buildRlimits(ulimits: readonly Ulimit[], hardLimits: Record<string, number>, mayRaise: boolean): OciProcess['rlimits'] {
  return ulimits.map(({ name, soft, hard }) => {
    if (!ULIMIT_NAMES.includes(name)) throw invalid(`invalid ulimit type: ${name}`);
    const [softValue, hardValue] = [soft, hard].map((value) => (value < 0 ? Number.POSITIVE_INFINITY : value)) as [number, number];
    if (softValue > hardValue) throw invalid(`ulimit ${name}: soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
    const allowed = hardLimits[name] ?? Number.POSITIVE_INFINITY;
    if (!mayRaise && hardValue > allowed) {
      throw invalid(`ulimit ${name}=${soft}:${hard} is above what this host allows: the hard limit is ${allowed}`);
    }
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: exact(softValue), hard: exact(hardValue) };
  });
}

/** RLIM_INFINITY does not fit a JavaScript number, so it is written as raw JSON. */
function exact(value: number): unknown {
  return value === Number.POSITIVE_INFINITY ? JSON.rawJSON('18446744073709551615') : value;
}
