import { CommandFailure } from '../failure.ts';
import { splitCsv } from '../flags/index.ts';

export interface PortBinding {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** What `-p` and `--expose` come to: keys such as `80/tcp`. */
export interface PortPlan {
  readonly exposed: Record<string, Record<string, never>>;
  readonly bindings: Record<string, PortBinding[]>;
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'];
const MOST_PORT = 65535;

/** First and last port of `80` or `80-90`. Throws an Error with the reason. */
function parseRange(text: string): [number, number] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) throw new Error(`invalid syntax: ${text}`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first > MOST_PORT || last > MOST_PORT) throw new Error('value out of range');
  if (last < first) throw new Error(`invalid range specified for port: ${text}`);
  return [first, last];
}

/** Host address, host part and container part of `[ip:][host:]container`; an IPv6 address stands in brackets. */
function splitSpec(spec: string): { ip: string; host: string; container: string } {
  const bracket = /^\[([^\]]*)\]:(.*)$/.exec(spec);
  const parts = (bracket ? (bracket[2] ?? '') : spec).split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  return { ip: bracket ? (bracket[1] ?? '') : parts.join(':'), host, container };
}

/** Adds one `-p` of the short form. Throws `CommandFailure`. */
function addShort(plan: PortPlan, given: string): void {
  const fault = (reason: string) => new CommandFailure(reason, 125);
  const { ip, host, container: whole } = splitSpec(given);
  const slash = whole.indexOf('/');
  const container = slash < 0 ? whole : whole.slice(0, slash);
  const protocol = (slash < 0 ? 'tcp' : whole.slice(slash + 1)).toLowerCase();
  if (container === '') throw fault(`no port specified: ${given}<empty>`);
  if (!PROTOCOLS.includes(protocol)) throw fault(`Invalid proto: ${protocol}`);
  if (ip !== '' && !/^[\d.]+$|^[\da-f:.]+(%\w+)?$/i.test(ip)) throw fault(`Invalid IP address: ${ip}`);
  let ports: [number, number];
  let hosts: [number, number] | undefined;
  try {
    ports = parseRange(container);
  } catch {
    throw fault(`Invalid containerPort: ${container}`);
  }
  try {
    hosts = host === '' ? undefined : parseRange(host);
  } catch {
    throw fault(`Invalid hostPort: ${host}`);
  }
  const count = ports[1] - ports[0];
  // One port inside with a range outside means "any free one of these".
  if (hosts && hosts[1] - hosts[0] !== count && count !== 0)
    throw fault(`Invalid ranges specified for container and host Ports: ${container} and ${host}`);
  for (let i = 0; i <= count; i += 1) {
    const key = `${ports[0] + i}/${protocol}`;
    plan.exposed[key] = {};
    const hostPort = hosts === undefined ? '' : hosts[1] - hosts[0] === count ? String(hosts[0] + i) : host;
    plan.bindings[key] = [...(plan.bindings[key] ?? []), { HostIp: ip, HostPort: hostPort }];
  }
}

/** The long form `published=8080,target=80,protocol=tcp,mode=host` as a short one. */
function longToShort(given: string): string {
  const fields = new Map(
    splitCsv(given).map((field) => [field.slice(0, field.indexOf('=')).toLowerCase(), field.slice(field.indexOf('=') + 1)]),
  );
  for (const name of fields.keys()) {
    if (!['published', 'target', 'protocol', 'mode'].includes(name)) throw new CommandFailure(`invalid field key ${name}`, 125);
  }
  return `${fields.get('published') ?? ''}:${fields.get('target') ?? ''}/${fields.get('protocol') ?? 'tcp'}`;
}

/** Reads all `-p` and `--expose` flags. Throws `CommandFailure` (125) that names the wrong one. */
export function planPorts(publish: readonly string[], expose: readonly string[]): PortPlan {
  const plan: PortPlan = { exposed: {}, bindings: {} };
  for (const given of publish) addShort(plan, /(^|,)(target|published)=/.test(given) ? longToShort(given) : given);
  for (const given of expose) {
    if (given.includes(':')) throw new CommandFailure(`invalid port format for --expose: ${given}`, 125);
    const [range = '', protocol = 'tcp'] = given.split('/');
    let span: [number, number];
    try {
      span = parseRange(range);
    } catch (error) {
      throw new CommandFailure(
        `invalid range format for --expose: ${given}, error: ${error instanceof Error ? error.message : error}`,
        125,
      );
    }
    for (let port = span[0]; port <= span[1]; port += 1) plan.exposed[`${port}/${protocol}`] = {};
  }
  return plan;
}
