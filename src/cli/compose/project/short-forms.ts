import { fail } from '../document/faults.ts';
import type { Mapping, Place } from '../document/tree.ts';
import { isPath, type Paths } from './paths.ts';

/** What the short forms of the Compose Specification mean, each as the long form that it stands for. */

/** `KEY=value` → [KEY, value]; a key alone has no value. */
export function pair(text: string): [string, string | null] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** `name=address` or `name:address`, as in extra_hosts. */
export function hostPair(text: string, place: Place | undefined): [string, string] {
  const match = /^([^=:]+)[=:](.+)$/.exec(text);
  if (!match?.[1] || !match[2]) return fail(place, `${JSON.stringify(text)} is not name=address`);
  return [match[1], match[2].replace(/^\[(.*)\]$/, '$1')];
}

function range(text: string): { from: number; to: number } {
  const [from = '', to = from] = text.split('-');
  return { from: Number(from), to: Number(to) };
}

/** `[[host:][published]:]target[/protocol]`: one port each, ranges written out. */
export function ports(text: string, place: Place | undefined): Mapping[] {
  const [mapping = '', protocol = 'tcp'] = text.split('/');
  // From the right: an address may hold colons of its own.
  const match = /^(?:(?:(.+):)?([\d-]*):)?([\d-]+)$/.exec(mapping);
  if (!match) return fail(place, `${JSON.stringify(text)} is not a port mapping`);
  const [, address, outside = '', inside = ''] = match;
  const host = address?.replace(/^\[(.*)\]$/, '$1');
  const target = range(inside);
  const published = outside === '' ? undefined : range(outside);
  if (target.to < target.from || (published && published.to < published.from))
    fail(place, `${JSON.stringify(text)}: a range ends before it begins`);
  for (const one of [target, published])
    if (one && (one.to > 65_535 || one.from === 0)) fail(place, `${JSON.stringify(text)}: ports go from 1 to 65535`);
  const count = target.to - target.from;
  // One port of the container may take any of a range of the host.
  if (published && count > 0 && published.to - published.from !== count)
    fail(place, `${JSON.stringify(text)}: the two ranges differ in length`);
  return Array.from({ length: count + 1 }, (_, at) => ({
    mode: 'ingress',
    target: target.from + at,
    ...(published ? { published: count > 0 ? String(published.from + at) : outside } : {}),
    protocol,
    ...(host === undefined ? {} : { host_ip: host }),
  }));
}

const OPTIONS: Readonly<Record<string, (mount: { bind: Mapping; volume: Mapping; own: Mapping }, option: string) => void>> = {
  ro: ({ own }) => void (own['read_only'] = true),
  rw: () => {},
  nocopy: ({ volume }) => void (volume['nocopy'] = true),
  z: ({ bind }) => void (bind['selinux'] = 'z'),
  Z: ({ bind }) => void (bind['selinux'] = 'Z'),
  cached: ({ own }) => void (own['consistency'] = 'cached'),
  delegated: ({ own }) => void (own['consistency'] = 'delegated'),
  consistent: ({ own }) => void (own['consistency'] = 'consistent'),
};
const PROPAGATIONS = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);

/** `[source:]target[:options]`. A source that is a path means a bind, another a volume. */
export function mount(text: string, paths: Paths, place: Place | undefined): Mapping {
  const [first = '', second, third = '', more] = text.split(':');
  if (more !== undefined || first === '') return fail(place, `${JSON.stringify(text)} is not [source:]target[:options]`);
  if (second === undefined) return { type: 'volume', target: clean(first, place), volume: {} };
  if (!second.startsWith('/') && third === '' && first.startsWith('/'))
    return withOptions({ type: 'volume', target: clean(first, place), volume: {} }, second, place);
  const target = clean(second, place);
  const made: Mapping = isPath(first)
    ? { type: 'bind', source: paths.resolve(first), target, bind: { create_host_path: true } }
    : { type: 'volume', source: first, target, volume: {} };
  return withOptions(made, third, place);
}

function clean(target: string, place: Place | undefined): string {
  return target.startsWith('/') ? target : fail(place, `${JSON.stringify(target)} is not an absolute path in the container`);
}

function withOptions(mount: Mapping, options: string, place: Place | undefined): Mapping {
  const parts = { bind: (mount['bind'] ?? {}) as Mapping, volume: (mount['volume'] ?? {}) as Mapping, own: mount };
  for (const option of options.split(',').filter((one) => one !== '')) {
    const set = OPTIONS[option];
    if (PROPAGATIONS.has(option)) parts.bind['propagation'] = option;
    else if (set) set(parts, option);
    else
      fail(place, `${JSON.stringify(option)} is no option of a mount: there are ${[...Object.keys(OPTIONS), ...PROPAGATIONS].join(', ')}`);
  }
  return mount;
}

/** `source[:target[:permissions]]` of a device. */
export function device(text: string): Mapping {
  const [source = '', target = source, permissions = 'rwm'] = text.split(':');
  return { source, target, permissions };
}
