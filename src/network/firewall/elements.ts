import type { netlink } from '../../host/index.ts';
import type { Exposure, Protocol } from '../../model/index.ts';
import { ipBytes, parseIp } from '../addresses/index.ts';

/** One published port, or a range of ports that keep their numbers: entries of maps, no process and no rule of its own. */
export interface Forwarding {
  protocol: Protocol;
  /** 0.0.0.0 and :: mean every address of the host. Of the same family as the container's. */
  hostAddress: string;
  hostPort: number;
  containerAddress: string;
  containerPort: number;
  /** Ports in a row; 1 when absent. */
  count?: number;
  /** `public` when absent. */
  exposure?: Exposure;
}

/** An entry of one of our maps, by the words that nft(8) has for its parts. */
export interface Element {
  family: 4 | 6;
  map: string;
  key: string[];
  value: string[];
}

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);
const isEvery = (address: string) => address === '0.0.0.0' || address === '::';

/** The chains that decide about ports that are not for everyone; see chains.ts. */
export const CHAIN_OF: Readonly<Record<Exclude<Exposure, 'public'>, string>> = { lan: 'from_lan', host: 'by_host' };

export function elementsOf(forwarding: Forwarding): Element[] {
  const { protocol, hostAddress, hostPort, containerAddress, containerPort, count = 1, exposure = 'public' } = forwarding;
  const family = familyOf(hostAddress);
  const at = isEvery(hostAddress) ? '' : '_at';
  const ports = count === 1 ? String(hostPort) : `${hostPort}-${hostPort + count - 1}`;
  const key = [protocol, ...(at === '' ? [] : [hostAddress]), ports];
  const target = count === 1 ? [containerAddress, String(containerPort)] : [containerAddress];
  const translation = { family, map: `${count === 1 ? 'published' : 'ranges'}${at}`, key, value: target };
  return exposure === 'public'
    ? [translation]
    : [translation, { family, map: `exposure${at}`, key, value: [`goto ${CHAIN_OF[exposure]}`] }];
}

export const textOf = ({ key, value }: Element): string => `${key.join(' . ')} : ${value.join(' . ')}`;
/** Two elements with the same name exclude each other. */
export const nameOf = ({ family, map, key }: Element): string => `${family} ${map} ${key.join(' . ')}`;

interface MapShape {
  key: readonly string[];
  value: readonly string[];
  interval: boolean;
  comment: string;
}

export function mapShapes(family: 4 | 6): Readonly<Record<string, MapShape>> {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const any = ['inet_proto', 'inet_service'];
  const at = ['inet_proto', address, 'inet_service'];
  const shape = (key: readonly string[], value: readonly string[], interval: boolean, comment: string) => ({
    key,
    value,
    interval,
    comment,
  });
  return {
    published: shape(any, [address, 'inet_service'], false, 'ports on every address of the host'),
    published_at: shape(at, [address, 'inet_service'], false, 'ports on one address of the host'),
    ranges: shape(any, [address], true, 'ranges of ports, which keep their numbers'),
    ranges_at: shape(at, [address], true, 'the same on one address of the host'),
    exposure: shape(any, ['verdict'], true, 'ports that are not for everyone'),
    exposure_at: shape(at, ['verdict'], true, 'the same on one address of the host'),
  };
}

const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** The element as the kernel has it: what `textOf` says as text. */
export function encodeElement({ family, map, key, value }: Element): netlink.MapElement {
  const [protocol = '', ...rest] = key;
  const ports = (rest.at(-1) ?? '').split('-').map(Number);
  const beginning = [Uint8Array.of(PROTOCOL_NUMBERS[protocol] ?? 0, 0, 0, 0), ...rest.slice(0, -1).map(addressPart)];
  const keyWith = (port: number | undefined) => Buffer.concat([...beginning, portPart(port ?? 0)]);
  const [target = '', port] = value;
  const chain = /^goto (.*)$/.exec(target)?.[1];
  return {
    family,
    map,
    key: keyWith(ports[0]),
    ...(mapShapes(family)[map]?.interval ? { keyEnd: keyWith(ports.at(-1)) } : {}),
    value:
      chain === undefined ? Buffer.concat([addressPart(target), ...(port === undefined ? [] : [portPart(Number(port))])]) : { goto: chain },
  };
}

function addressPart(text: string): Uint8Array {
  const ip = parseIp(text);
  return ip ? ipBytes(ip) : Buffer.alloc(0);
}
const portPart = (port: number) => Buffer.from([port >> 8, port & 0xff, 0, 0]);
