import { invalid } from '../../../base/index.ts';
import { type Exposures, exposureFor, exposuresOf, joinPortRanges, type PortRequest, type Protocol } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'];

/** Keys of ExposedPorts: `80`, `80/udp`, `8000-8010/tcp`. */
export function decodeExposedPorts(config: Fields): { port: number; protocol: Protocol }[] {
  return config.entries('ExposedPorts').flatMap(([key]) => {
    const { from, to, protocol } = parsePortKey(key);
    return Array.from({ length: to - from + 1 }, (_, index) => ({ port: from + index, protocol }));
  });
}

/** Who may use published ports, by labels that the client gave: those of images have no say in it. */
export function decodeExposures(config: Fields): Exposures | undefined {
  const { exposures, complaint } = exposuresOf(config.stringMap('Labels'));
  if (complaint !== undefined) throw invalid(complaint);
  return exposures;
}

/** PortBindings: container port to its host bindings; a host port may be empty (ephemeral), a number or a range. Long runs become one request. */
export function decodePortBindings(host: Fields, exposures?: Exposures): PortRequest[] {
  const bindings = host.raw('PortBindings');
  if (bindings === undefined) return [];
  if (typeof bindings !== 'object' || Array.isArray(bindings)) throw invalid('invalid JSON: HostConfig.PortBindings must be an object');
  const requests = Object.entries(bindings as Record<string, unknown>).flatMap(([key, list]) => {
    if (list === null) return [];
    if (!Array.isArray(list)) throw invalid(`invalid JSON: HostConfig.PortBindings.${key} must be a list`);
    const container = parsePortKey(key);
    return list.flatMap((binding: unknown) => decodeBinding(key, container, binding));
  });
  return joinPortRanges(
    requests.map((request) => {
      const exposure = exposureFor(exposures, request.containerPort, request.protocol);
      return exposure === undefined ? request : { ...request, exposure };
    }),
  );
}

function decodeBinding(key: string, container: { from: number; to: number; protocol: Protocol }, binding: unknown): PortRequest[] {
  const { HostIp: address, HostPort: port } = (binding ?? {}) as { HostIp?: unknown; HostPort?: unknown };
  if ((address ?? '') !== '' && !isAddress(address))
    throw invalid(`invalid port specification: HostConfig.PortBindings.${key}: '${String(address)}' is not an IP address`);
  const hostAddress = typeof address === 'string' ? address.replace(/^\[(.*)\]$/, '$1') : '';
  const hostPorts = parseHostPorts(key, port ?? '');
  const count = container.to - container.from + 1;
  if (count > 1 && hostPorts && hostPorts.to - hostPorts.from + 1 !== count) {
    throw invalid(
      `invalid port specification: HostConfig.PortBindings.${key}: the ranges ${container.from}-${container.to} and ${String(port)} have different lengths`,
    );
  }
  return Array.from({ length: count }, (_, index) => ({
    containerPort: container.from + index,
    protocol: container.protocol,
    hostAddress,
    ...(hostPorts ? { hostPorts: count > 1 ? { from: hostPorts.from + index, to: hostPorts.from + index } : hostPorts } : {}),
  }));
}

function parsePortKey(key: string): { from: number; to: number; protocol: Protocol } {
  const [range = '', protocol = 'tcp', ...rest] = key.toLowerCase().split('/');
  if (rest.length > 0) throw invalid(`invalid port specification: "${key}"`);
  if (!PROTOCOLS.includes(protocol)) throw invalid(`invalid port specification: "${key}": invalid proto: ${protocol}`);
  const ports = parseRange(range);
  if (!ports || ports.from === 0) throw invalid(`invalid port specification: "${key}"`);
  return { ...ports, protocol: protocol as Protocol };
}

function parseHostPorts(key: string, value: unknown): { from: number; to: number } | undefined {
  if (typeof value !== 'string') throw invalid(`invalid JSON: HostPort in HostConfig.PortBindings.${key} must be a string`);
  if (value === '' || value === '0') return undefined;
  const ports = parseRange(value);
  if (!ports || ports.from === 0) throw invalid(`invalid port specification: "${value}" in HostConfig.PortBindings.${key}`);
  return ports;
}

/** `80` or `80-90`; undefined when it is neither, or out of range. */
export function parseRange(text: string): { from: number; to: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return to < from || to > 65535 ? undefined : { from, to };
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const bare = value.replace(/^\[(.*)\]$/, '$1');
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(bare)) return bare.split('.').every((part) => Number(part) <= 255);
  return bare.includes(':') && /^[0-9a-fA-F:.]+$/.test(bare);
}
