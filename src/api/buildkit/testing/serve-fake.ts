import { type Log, randomIds, silentLog, systemClock } from '../../../base/index.ts';
import { HttpServer } from '../../http/index.ts';
import { createBuildkitApi } from '../index.ts';
import { FakeBuilder } from './fake-builder.ts';

/** For tests: the protocol on a real socket, with a fake builder behind it, and as much of the Docker API as its clients ask. */
export async function serveFakeBuilder(path: string, log: Log = silentLog): Promise<{ builder: FakeBuilder } & AsyncDisposable> {
  const builder = new FakeBuilder();
  const api = createBuildkitApi({
    builder,
    clock: systemClock(),
    ids: randomIds(),
    log,
    version: '9.9.9',
    host: async () => ({ engineId: 'fake', architecture: 'x86_64', hostGateway: '172.17.0.1' }),
  });
  const server = new HttpServer({
    log,
    handler: (exchange) => {
      exchange.headers = ['Api-Version', '1.51', 'Builder-Version', '2', 'Ostype', 'linux'];
      if (exchange.path === '/grpc') return api.grpc(exchange);
      if (exchange.path === '/session') return api.session(exchange);
      if (exchange.path === '/_ping') return exchange.send(200, 'OK', 'text/plain');
      if (exchange.path.endsWith('/version'))
        return exchange.sendJson(200, { Version: '9', ApiVersion: '1.51', MinAPIVersion: '1.24', Os: 'linux', Arch: 'amd64' });
      return exchange.sendJson(exchange.path.endsWith('/info') ? 200 : 404, {});
    },
  });
  await server.listen({ kind: 'unix', path });
  return { builder, [Symbol.asyncDispose]: () => server.close() };
}
