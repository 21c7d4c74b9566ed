import { readFileSync } from 'node:fs';
import type { Log } from '../../base/index.ts';
import { invalid } from '../../base/index.ts';
import { formatAddress, parseAddress } from './address.ts';
import { refusePages } from './pages.ts';
import { type Handler, HttpServer, type TlsMaterial } from './server.ts';
import { groupId } from './socket-file.ts';

const DEFAULT_GROUP = 'docker';

export interface ListenOptions {
  /** `unix:///path` or `tcp://host:port`. */
  host: string;
  group?: string | undefined;
  /** Files in PEM form, for tcp addresses. Clients must show a certificate signed by `ca`. */
  tls?: { ca: string; certificate: string; key: string } | undefined;
  log: Log;
}

/** Serves one address until it is disposed. `address` is the one in use, such as `tcp://127.0.0.1:41234`. */
export async function listen(options: ListenOptions, handler: Handler): Promise<AsyncDisposable & { address: string }> {
  const { log, group } = options;
  const address = parseAddress(options.host, options.tls !== undefined);
  const tls = options.tls && address.kind === 'tcp' ? readMaterial(options.tls) : undefined;
  const open = address.kind === 'tcp' && tls === undefined;
  const server = new HttpServer({
    handler: open ? refusePages(address, handler) : handler,
    log,
    ...(group && groupExists(group, log) ? { group } : {}),
  });
  const bound = await server.listen(address, tls);
  return { address: formatAddress(bound), [Symbol.asyncDispose]: () => server.close() };
}

/** The default group may be missing: then only root may connect. A group that the operator chose must be there. */
function groupExists(group: string, log: Log): boolean {
  try {
    groupId(group);
    return true;
  } catch (error) {
    if (group !== DEFAULT_GROUP) throw error;
    log.warn('there is no group docker: only root may use the socket');
    return false;
  }
}

function readMaterial(files: { ca: string; certificate: string; key: string }): TlsMaterial {
  const read = (name: string, path: string) => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw invalid(`cannot read the ${name} ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return { ca: read('certificate of the authority', files.ca), cert: read('certificate', files.certificate), key: read('key', files.key) };
}
