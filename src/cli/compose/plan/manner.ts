import type { Service } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { isRunning, type Observed } from './observed.ts';

/** How a container is replaced. */
export interface Manner {
  readonly order: 'start-first' | 'stop-first';
  /** Why the old one has to go first; absent when it does not, or does not run. */
  readonly why?: string;
}

/** What cannot be twice at a time, though the file asks for it. */
function impossible(service: Section): string | undefined {
  for (const [name, wish] of service.entries('networks'))
    for (const key of ['ipv4_address', 'ipv6_address', 'mac_address'])
      if (new Section(wish).has(key)) return `its ${key.replace('_', ' ').replace('ipv', 'IPv')} on ${name} is fixed`;
  if (service.has('mac_address')) return 'its MAC address is fixed';
  const mode = service.text('network_mode') ?? '';
  if (mode === 'host') return 'it is on the network of the host, where a port has one owner';
  return /^(service|container):/.test(mode)
    ? `it shares a network with ${mode.replace(/^.*?:/, '')}, where a port has one owner`
    : undefined;
}

/** A place that two would write to at once: databases do not survive that. `isFolder` tells of a path of the host. */
function sharedWrites(service: Section, isFolder: (path: string) => boolean): string | undefined {
  for (const mount of service.sections('volumes')) {
    if (mount.truth('read_only')) continue;
    const source = mount.text('source');
    if (mount.text('type') === 'volume') return `it writes to the volume ${source ?? mount.text('target')}`;
    if (mount.text('type') === 'bind' && isFolder(source ?? '')) return `it writes to ${source}`;
  }
  return undefined;
}

/**
 * Whether the new container may start before the old one ends. It may, unless something cannot be there twice; where two would write to
 * one place, only when the file says so. docs/design/rolling-update.md has the reasons.
 */
export function mannerOf(
  service: Service,
  old: Pick<Observed, 'state'>,
  around: { canHandOver: boolean; isFolder: (path: string) => boolean; anonymousVolumes: readonly string[] },
): Manner {
  const section = new Section(service.definition);
  const asked = section.section('deploy').section('update_config').text('order');
  if (!isRunning(old)) return { order: 'stop-first' };
  if (asked === 'stop-first') return { order: 'stop-first', why: 'the file says stop-first' };
  if (!around.canHandOver) return { order: 'stop-first', why: 'this engine cannot hand ports over' };
  const obstacle =
    impossible(section) ??
    (asked === 'start-first' ? undefined : (sharedWrites(section, around.isFolder) ?? anonymous(around.anonymousVolumes)));
  return obstacle === undefined ? { order: 'start-first' } : { order: 'stop-first', why: obstacle };
}

const anonymous = ([target]: readonly string[]) =>
  target === undefined ? undefined : `it writes to the volume at ${target} that its image asks for`;
