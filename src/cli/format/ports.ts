export interface ListedPort {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

interface Range {
  first: number;
  last: number;
}

/** Text of one run of neighbouring ports: `80-82/tcp` or `0.0.0.0:8080-8082->80-82/tcp`. */
function rangeText(key: string, range: Range): string {
  const span = range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
  const at = key.lastIndexOf('/');
  const [host, protocol] = [key.slice(0, at), key.slice(at + 1)];
  return host === '' ? `${span}/${protocol}` : `${host}:${span}->${span}/${protocol}`;
}

/** By code points: IPv4 goes before IPv6. */
const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const byPlace = (a: ListedPort, b: ListedPort) =>
  a.PrivatePort - b.PrivatePort || byText(a.IP ?? '', b.IP ?? '') || (a.PublicPort ?? 0) - (b.PublicPort ?? 0) || byText(a.Type, b.Type);

/** The PORTS column: neighbouring ports that map to themselves, or to nothing, are drawn together. */
export function portsText(ports: readonly ListedPort[]): string {
  const groups = new Map<string, Range>();
  const done: string[] = [];
  const single: string[] = [];
  const order: string[] = [];
  for (const port of [...ports].sort(byPlace)) {
    const host = port.IP ? (port.IP.includes(':') ? `[${port.IP}]` : port.IP) : '';
    if (port.IP && port.PublicPort !== port.PrivatePort) {
      single.push(`${host}:${port.PublicPort}->${port.PrivatePort}/${port.Type}`);
      continue;
    }
    const key = `${host}/${port.Type}`;
    const range = groups.get(key);
    if (!range) {
      groups.set(key, { first: port.PrivatePort, last: port.PrivatePort });
      order.push(key);
    } else if (port.PrivatePort === range.last + 1) range.last = port.PrivatePort;
    else if (port.PrivatePort !== range.last) {
      done.push(rangeText(key, range));
      groups.set(key, { first: port.PrivatePort, last: port.PrivatePort });
    }
  }
  for (const key of order) done.push(rangeText(key, groups.get(key) as Range));
  return [...done, ...single].join(', ');
}
