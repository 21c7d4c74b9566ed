import { readFileSync } from 'node:fs';
import { CommandFailure, plainReason } from '../failure.ts';

export interface SecurityPlan {
  readonly options: string[];
  /** True for `systempaths=unconfined`: nothing of /proc and /sys is masked or read-only. */
  readonly unmasked: boolean;
}

/** Seccomp profiles are read here, since the engine may not see the client's files. */
function seccompProfile(value: string): string {
  if (value === 'unconfined' || value === 'builtin') return value;
  let text: string;
  try {
    text = readFileSync(value, 'utf8');
  } catch (error) {
    throw new CommandFailure(`opening seccomp profile (${value}) failed: ${plainReason(error, value)}`, 125, error);
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new CommandFailure(
      `compacting json for seccomp profile (${value}) failed: ${error instanceof Error ? error.message : error}`,
      125,
      error,
    );
  }
}

/** Reads all `--security-opt`. Throws `CommandFailure` (125) that names the wrong one. */
export function readSecurity(given: readonly string[]): SecurityPlan {
  const options: string[] = [];
  let unmasked = false;
  for (const option of given) {
    const split = option.search(/[=:]/);
    const name = split < 0 ? option : option.slice(0, split);
    const value = split < 0 ? undefined : option.slice(split + 1);
    if (value === undefined && name !== 'no-new-privileges')
      throw new CommandFailure(`Invalid --security-opt: ${JSON.stringify(option)}`, 125);
    if (name === 'systempaths' && value === 'unconfined') unmasked = true;
    else if (name === 'seccomp') options.push(`seccomp=${seccompProfile(value ?? '')}`);
    else options.push(option);
  }
  return { options, unmasked };
}

/** Capability names as the engine keeps them: `CAP_NET_ADMIN`; `ALL` stays. */
export function capabilityNames(given: readonly string[]): string[] {
  const names = given.map((name) => {
    const upper = name.toUpperCase();
    return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  });
  return [...new Set(names)].sort();
}
