import { readFileSync } from 'node:fs';
import { type HttpServer, isLoopback, type ListenAddress, parseAddress } from '../../api/http/index.ts';
import { describe, invalid, type Log } from '../../base/index.ts';

/** A client that sends or takes nothing for so long is given up. Milliseconds. */
export const IDLE = 60_000;
export const MOST_CONNECTIONS = 2000;

/** Where to listen. Fails with `invalid` for plain HTTP that others than this host could reach. */
export function checkAddress({ listen, tls, insecure }: { listen: string; tls: unknown; insecure: boolean }): ListenAddress {
  const address = parseAddress(/^[a-z]+:\/\//.test(listen) ? listen : `tcp://${listen}`);
  if (tls || insecure || isLoopback(address)) return address;
  throw invalid(
    `refusing plain HTTP on ${listen}: passwords and images could be read and changed on their way`,
    'Give a certificate and its key, or allow it by name (--insecure) where a proxy in front ends TLS.',
  );
}

export function readTls({ certificate, key }: { certificate: string; key: string }) {
  const read = (flag: string, path: string) => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw invalid(`cannot read --${flag} ${path}: ${describe(error)}`);
    }
  };
  return { cert: read('tls-cert', certificate), key: read('tls-key', key) };
}

/** SIGHUP reads certificate and key anew, as tools that renew them send it. What cannot be used is told, and the old ones stay. */
export function renewOnHangup(server: HttpServer, tls: { certificate: string; key: string } | undefined, log: Log): Disposable {
  const renew = () => {
    if (!tls) return log.info('SIGHUP: there is no certificate to read anew');
    try {
      server.renewTls(readTls(tls));
      log.info('certificate and key were read anew', { certificate: tls.certificate });
    } catch (error) {
      log.error('the new certificate cannot be used; the old one stays', { certificate: tls.certificate, error: describe(error) });
    }
  };
  process.on('SIGHUP', renew);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', renew) };
}
