import { isIP } from 'node:net';
import { isLoopback, type ListenAddress } from './address.ts';
import type { Exchange } from './exchange.ts';
import type { Handler } from './server.ts';

/**
 * Guards an address that asks nobody for proof. A page that a browser on this host shows may send requests to it, or, when its own name is made
 * to stand for 127.0.0.1, even read the answers (DNS rebinding): what a page can reach must not be worth root.
 */
export function refusePages(address: ListenAddress, handler: Handler): Handler {
  return (exchange) => {
    const why = ofPage(exchange) ?? (isLoopback(address) ? strangeHost(exchange) : undefined);
    if (why === undefined) return handler(exchange);
    exchange.response.shouldKeepAlive = false;
    exchange.send(
      403,
      `${JSON.stringify({ message: `${why}: this address has no TLS, so web pages may not use it` })}\n`,
      'application/json',
    );
  };
}

/** Browsers alone send these, and pages cannot keep them from it (Fetch, "Origin header"; Fetch Metadata). */
function ofPage({ request: { headers } }: Exchange): string | undefined {
  if (headers.origin !== undefined) return `the request comes from the page ${JSON.stringify(headers.origin.slice(0, 200))}`;
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'none' ? undefined : 'the request comes from a page';
}

/** Whoever speaks to loopback calls it by address or a name of this host, never by one that is in the public DNS. */
function strangeHost({ request: { headers } }: Exchange): string | undefined {
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isIP(name) !== 0 || !name.includes('.') || name.endsWith('.localhost')) return undefined;
  return `the request is for the host ${JSON.stringify(name.slice(0, 200))}`;
}
