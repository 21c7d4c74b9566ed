import { invalid, unsupported } from '../../base/index.ts';

/** Where a server listens. */
export type ListenAddress = { kind: 'unix'; path: string } | { kind: 'tcp'; host: string; port: number };

/** Ports of tcp addresses that name none: Docker's well-known pair. */
const DEFAULT_PORT = { plain: 2375, tls: 2376 };

/**
 * Reads one value of `--host`: `unix:///path`, `tcp://host:port`, or a bare `host:port`.
 * Fails with `invalid` or, for `fd://` and other schemes, `unsupported`.
 */
export function parseAddress(text: string, tls = false): ListenAddress {
  const match = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text.trim());
  const scheme = match?.[1] ?? 'tcp';
  const rest = match?.[2] ?? '';
  if (scheme === 'unix') {
    if (!rest.startsWith('/'))
      throw invalid(`invalid address '${text}': a unix socket needs an absolute path, such as unix:///run/gantry/gantry.sock`);
    return { kind: 'unix', path: rest };
  }
  if (scheme === 'fd')
    throw unsupported(`address '${text}': sockets handed over by systemd (fd://) are not supported`, 'use unix:///run/gantry/gantry.sock');
  if (scheme !== 'tcp') throw unsupported(`address '${text}': the scheme '${scheme}' is not supported`, 'use unix:// or tcp://');
  return parseTcp(text, rest.replace(/\/+$/, ''), tls);
}

function parseTcp(text: string, rest: string, tls: boolean): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]/]*))(?::(\d+))?$/.exec(rest);
  if (!match) throw invalid(`invalid address '${text}': expected tcp://host:port`);
  const port = match[3] === undefined ? DEFAULT_PORT[tls ? 'tls' : 'plain'] : Number(match[3]);
  if (port > 65535) throw invalid(`invalid address '${text}': port ${port} is out of range`);
  return { kind: 'tcp', host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** Whether only processes of this host (or of its network namespace) can reach the address. */
export function isLoopback(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  return address.host === 'localhost' || address.host === '::1' || /^127(\.\d{1,3}){3}$/.test(address.host);
}

export function formatAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}
