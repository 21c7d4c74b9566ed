import { invalid } from '../../base/index.ts';

export interface ExposedPort {
  /** `80/tcp`, one for each port of a range. */
  ports: string[];
  /** The protocol is not in lower case. */
  oddCase: boolean;
  /** An address or a port of the host was written, which EXPOSE can't honour. */
  hasHostPart: boolean;
}

/** `80`, `80-90/udp`; for old times' sake also `8080:80`. */
export function parseExposed(text: string): ExposedPort {
  const parts = text.split(':');
  const container = parts.at(-1)!;
  const hostPort = parts.at(-2) ?? '';
  const address = parts.slice(0, -2).join(':');
  const [ports = '', protocol = ''] = splitOnce(container, '/');
  if (ports === '') throw invalid(`invalid port: ${JSON.stringify(text)}: no port specified`);
  if (!/^(|tcp|udp|sctp)$/i.test(protocol)) throw invalid(`invalid port: ${JSON.stringify(text)}: invalid proto: ${protocol}`);
  if (address !== '' && !/^\[?[0-9a-f:.]+\]?$/i.test(address)) throw invalid(`invalid IP address: ${address}`);
  const [start, end] = portRange(ports, 'containerPort');
  if (hostPort !== '') {
    const [from, to] = portRange(hostPort, 'hostPort');
    if (to - from !== end - start && end !== start)
      throw invalid(`invalid ranges specified for container and host Ports: ${ports} and ${hostPort}`);
  }
  return {
    ports: Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${protocol.toLowerCase() || 'tcp'}`),
    oddCase: protocol !== protocol.toLowerCase(),
    hasHostPart: address !== '' || hostPort !== '',
  };
}

function portRange(text: string, what: string): [number, number] {
  const [first = '', last = first] = splitOnce(text, '-');
  const [start, end] = [Number(first), Number(last)];
  const good = (written: string, port: number) => /^\d+$/.test(written) && port <= 65535;
  if (!good(first, start) || !good(last, end) || end < start) throw invalid(`invalid ${what}: ${text}`);
  return [start, end];
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
