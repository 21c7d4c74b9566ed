import { realpathSync } from 'node:fs';
import path from 'node:path';
import { CommandFailure } from '../failure.ts';

/** What `-v` and `--tmpfs` come to. */
export interface VolumePlan {
  readonly binds: string[];
  /** Unnamed volumes by their path in the container. */
  readonly anonymous: Record<string, Record<string, never>>;
  readonly tmpfs: Record<string, string>;
}

/** The folder as an absolute path, so that the engine can find it; names of volumes stay as they are. */
function absoluteSource(source: string, cwd: string): string {
  return source === '.' || source === '..' || source.startsWith('./') || source.startsWith('../')
    ? path.resolve(realpathSync(cwd), source)
    : source;
}

/** Reads all `-v` and `--tmpfs` flags. Throws `CommandFailure` (125) that names the wrong one. */
export function planVolumes(volumes: readonly string[], tmpfs: readonly string[], cwd: string): VolumePlan {
  const plan: VolumePlan = { binds: [], anonymous: {}, tmpfs: {} };
  for (const given of volumes) {
    const parts = given.split(':');
    if (given === '' || parts.length > 3)
      throw new CommandFailure(`invalid spec: ${given}: ${given === '' ? 'empty section between colons' : 'too many colons'}`, 125);
    if (parts.some((part) => part === '')) throw new CommandFailure(`invalid spec: ${given}: empty section between colons`, 125);
    if (parts.length === 1) plan.anonymous[given] = {};
    else plan.binds.push([absoluteSource(parts[0] ?? '', cwd), ...parts.slice(1)].join(':'));
  }
  for (const given of tmpfs) {
    const colon = given.indexOf(':');
    plan.tmpfs[colon < 0 ? given : given.slice(0, colon)] = colon < 0 ? '' : given.slice(colon + 1);
  }
  return plan;
}
