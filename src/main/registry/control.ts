import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HttpServer } from '../../api/http/index.ts';
import { describe, errnoOf, GantryError, type Log } from '../../base/index.ts';
import type { CollectionReport } from '../../registry/index.ts';

const socketOf = (root: string) => join(root, 'control.sock');

/** A socket in the root folder, which only the owner can reach: by it the command line asks the registry that runs. */
export async function serveControl(
  house: AsyncDisposableStack,
  root: string,
  log: Log,
  collect: (dryRun: boolean) => Promise<CollectionReport>,
): Promise<void> {
  const server = new HttpServer({
    log,
    async handler(exchange) {
      if (exchange.method !== 'POST' || exchange.path !== '/gc') return exchange.sendJson(404, { message: 'page not found' });
      try {
        exchange.sendJson(200, await collect(exchange.query.get('dry-run') === '1'));
      } catch (error) {
        exchange.sendJson(500, { message: describe(error) });
      }
    },
  });
  house.use(server);
  await server.listen({ kind: 'unix', path: socketOf(root) });
}

/** Undefined when no registry runs on this root. */
export async function askForCollection(root: string, dryRun: boolean): Promise<CollectionReport | undefined> {
  if (!existsSync(socketOf(root))) return undefined;
  const { request } = process.getBuiltinModule('node:http');
  return await new Promise((resolve, reject) => {
    const asking = request({ socketPath: socketOf(root), method: 'POST', path: `/gc${dryRun ? '?dry-run=1' : ''}` }, (response) => {
      response.toArray().then((chunks) => {
        const body = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as CollectionReport & { message?: string };
        if (response.statusCode === 200) resolve(body);
        else reject(new GantryError('internal', body.message ?? 'the registry gave no reason'));
      }, reject);
    });
    asking.on('error', (error) => (['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '') ? resolve(undefined) : reject(error)));
    asking.end();
  });
}
