import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { invalid } from '../../base/index.ts';

export interface RegistryOptions {
  /** `host[:port]` or CIDR: plain HTTP and unknown certificates are accepted there. */
  insecureRegistries: readonly string[];
  /** URLs that are asked first for what Docker Hub has. */
  registryMirrors: readonly string[];
}

/** One place that may serve a repository. */
export interface Endpoint {
  /** With scheme and without a path, such as `https://registry-1.docker.io`. */
  origin: string;
  /** Whether a certificate that cannot be verified is accepted. */
  insecure: boolean;
  mirror: boolean;
}

export const HUB = 'docker.io';
const HUB_REGISTRY = 'registry-1.docker.io';

/** The host, as it stands in references, under which its registry answers. */
export function registryHost(domain: string): string {
  return domain === HUB || domain === 'index.docker.io' ? HUB_REGISTRY : domain;
}

/**
 * Where to look for a repository of `domain`, best first: mirrors (Docker Hub only), HTTPS, and for insecure
 * registries HTTPS with any certificate and then HTTP (on loopback the other way round; it counts as insecure, as for Docker).
 */
export async function endpointsOf(domain: string, options: RegistryOptions, wantMirrors: boolean): Promise<Endpoint[]> {
  const host = registryHost(domain);
  const endpoints: Endpoint[] = [];
  if (host === HUB_REGISTRY && wantMirrors) {
    for (const mirror of options.registryMirrors) {
      const url = parseMirror(mirror);
      endpoints.push({ origin: url.origin, insecure: await isInsecure(url.host, options.insecureRegistries), mirror: true });
    }
  }
  const insecure = await isInsecure(host, options.insecureRegistries);
  const origins = insecure ? [`https://${host}`, `http://${host}`] : [`https://${host}`];
  // On loopback nobody listens in, and nearly all registries there are plain; TLS would cost memory for nothing.
  if (isLoopback(nameOf(host))) origins.reverse();
  endpoints.push(...origins.map((origin) => ({ origin, insecure, mirror: false })));
  return endpoints;
}

/** Without the port, and an IPv6 address without its brackets. */
const nameOf = (host: string) => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

function parseMirror(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.pathname !== '/')
    throw invalid(`invalid mirror: ${JSON.stringify(text)} is not a URL such as https://mirror.example`);
  return url;
}

/** `host` may carry a port. A CIDR in the list makes the name be looked up; a name that cannot be resolved is secure. */
export async function isInsecure(host: string, insecureRegistries: readonly string[]): Promise<boolean> {
  const name = nameOf(host);
  if (isLoopback(name) || insecureRegistries.some((entry) => entry === host || entry === name)) return true;
  const ranges = insecureRegistries.filter((entry) => entry.includes('/'));
  if (ranges.length === 0) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    if (!isIP(network)) throw invalid(`insecure registry ${JSON.stringify(range)} is neither host[:port] nor a CIDR`);
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  const addresses = isIP(name) ? [{ address: name, family: isIP(name) }] : await lookup(name, { all: true }).catch(() => []);
  return addresses.some(({ address, family }) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'));
}

export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}
