export type Protocol = 'tcp' | 'udp' | 'sctp';

/**
 * Who may use a published port from outside its host: `host` are those whom the host's own firewall lets in to that port, `lan` those
 * in a network that the host has an address in, `public` everyone.
 */
export type Exposure = 'host' | 'lan' | 'public';

export const EXPOSURES: readonly Exposure[] = ['host', 'lan', 'public'];

/** A request to publish one container port, or `count` of them in a row. */
export interface PortRequest {
  containerPort: number;
  protocol: Protocol;
  /** '' means every address, IPv4 and IPv6. */
  hostAddress: string;
  /**
   * Inclusive range to choose from; undefined means an ephemeral port. `from === to` is a fixed port. With `count`, the ports in
   * the order of the container's, or undefined for any that lie together.
   */
  hostPorts?: { from: number; to: number };
  /** Ports in a row from `containerPort` on; 1 when absent. */
  count?: number;
  /** The daemon's when absent. */
  exposure?: Exposure;
}

/** A port as it is published now, or `count` of them in a row. */
export interface PublishedPort {
  containerPort: number;
  protocol: Protocol;
  /** An address in use, such as 0.0.0.0 or ::. */
  hostAddress: string;
  hostPort: number;
  /** Ports in a row from `hostPort` and `containerPort` on; 1 when absent. */
  count?: number;
  /** `public` when absent. */
  exposure?: Exposure;
}

/** From how many neighbours on ports are kept as one range: fewer get a socket each, which keeps other programs off them. */
export const RANGE_AT_LEAST = 33;

/** Requests with runs of neighbouring ports made one request each; the order is that of protocol, address and port. */
export function joinPortRanges(requests: readonly PortRequest[]): PortRequest[] {
  if (requests.length < RANGE_AT_LEAST) return [...requests];
  const fixed = (request: PortRequest) => request.hostPorts === undefined || request.hostPorts.from === request.hostPorts.to;
  const sorted = requests.filter(fixed).sort(inOrder);
  const joined = requests.filter((request) => !fixed(request));
  for (let at = 0; at < sorted.length; ) {
    let end = at + 1;
    while (end < sorted.length && follows(sorted[end - 1], sorted[end])) end += 1;
    const run = sorted.slice(at, end);
    joined.push(...(run.length >= RANGE_AT_LEAST ? [asRange(run)] : run));
    at = end;
  }
  return joined;
}

const textOf = ({ protocol, hostAddress, exposure }: PortRequest) => `${protocol} ${hostAddress} ${exposure ?? ''}`;

function inOrder(a: PortRequest, b: PortRequest): number {
  const [one, other] = [textOf(a), textOf(b)];
  if (one !== other) return one < other ? -1 : 1;
  return a.containerPort - b.containerPort || (a.hostPorts?.from ?? 0) - (b.hostPorts?.from ?? 0);
}

function follows(a: PortRequest | undefined, b: PortRequest | undefined): boolean {
  if (!a || !b || textOf(a) !== textOf(b) || b.containerPort !== a.containerPort + 1) return false;
  return a.hostPorts && b.hostPorts ? b.hostPorts.from === a.hostPorts.from + 1 : a.hostPorts === b.hostPorts;
}

function asRange(run: readonly PortRequest[]): PortRequest {
  const [first] = run as [PortRequest];
  const { hostPorts, ...rest } = first;
  return { ...rest, count: run.length, ...(hostPorts ? { hostPorts: { from: hostPorts.from, to: hostPorts.from + run.length - 1 } } : {}) };
}

/** One entry for each port. */
export function* eachPort(ports: readonly PublishedPort[]): Generator<PublishedPort> {
  for (const { count = 1, ...first } of ports)
    for (let at = 0; at < count; at += 1) yield { ...first, containerPort: first.containerPort + at, hostPort: first.hostPort + at };
}

const LABEL = 'gantry.expose';

/** Policies by container port, such as `80/tcp`; '*' is for those that are not named. */
export type Exposures = Readonly<Record<string, Exposure>>;

export function exposureFor(exposures: Exposures | undefined, containerPort: number, protocol: Protocol): Exposure | undefined {
  return exposures?.[`${containerPort}/${protocol}`] ?? exposures?.['*'];
}

/**
 * What labels choose: `gantry.expose` for all ports of a container, `gantry.expose.80/tcp` for one; undefined when there is none of
 * them. Fails with a sentence for labels of ours that say nothing we know.
 */
export function exposuresOf(labels: Readonly<Record<string, string>>): { exposures?: Exposures; complaint?: string } {
  const found: Record<string, Exposure> = {};
  for (const [name, value] of Object.entries(labels)) {
    if (name !== LABEL && !name.startsWith(`${LABEL}.`)) continue;
    const port = /^(\d{1,5})(\/(?:tcp|udp|sctp))?$/.exec(name.slice(LABEL.length + 1));
    if (name !== LABEL && !port) return { complaint: `invalid label ${name}: it names a port of the container, such as ${LABEL}.80/tcp` };
    if (!EXPOSURES.includes(value as Exposure))
      return { complaint: `invalid label ${name}=${value}: it is one of ${EXPOSURES.join(', ')}` };
    found[port ? `${port[1]}${port[2] ?? '/tcp'}` : '*'] = value as Exposure;
  }
  return Object.keys(found).length === 0 ? {} : { exposures: found };
}
