import type { Clock, Ids, Log } from '../../base/index.ts';
import type { Builder } from '../../build/index.ts';
import type { Exchange } from '../http/index.ts';
import { Builds } from './control/builds.ts';
import { failureDetails } from './control/failure-details.ts';
import { controlMethods } from './control/methods.ts';
import { runBuild } from './control/solve.ts';
import { type HostFacts, Worker } from './control/worker.ts';
import { FrontEnd } from './gateway/front-end.ts';
import { gatewayMethods } from './gateway/methods.ts';
import { GrpcClient, GrpcServer } from './grpc/index.ts';
import { Sessions } from './session/sessions.ts';

export interface BuildkitOptions {
  builder: Builder;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Of this program. */
  version: string;
  host: () => Promise<HostFacts>;
}

/** The protocol itself. Made when a first client speaks it. */
export class BuildkitService {
  readonly #log: Log;
  readonly #sessions: Sessions;
  readonly #server: GrpcServer;

  constructor({ builder, clock, ids, log, version, host }: BuildkitOptions) {
    this.#log = log;
    this.#sessions = new Sessions(clock);
    const builds = new Builds(this.#sessions, clock);
    const frontEnd = new FrontEnd({ builder, builds, ids });
    const solve: Parameters<typeof controlMethods>[0]['solve'] = async (request, signal) => {
      using held = builds.hold(request.ref);
      held.build.begin(request, signal);
      return await runBuild(held.build, request, { frontEnd, clock });
    };
    const worker = new Worker(version, host);
    const methods = new Map([...controlMethods({ builder, builds, worker, solve }), ...gatewayMethods(builds, frontEnd)]);
    this.#server = new GrpcServer({ methods, details: failureDetails, log });
  }

  /** A control connection: we serve. */
  grpc(exchange: Exchange): void {
    this.#server.take(switched(exchange));
  }

  /** A session: the client serves, and we call. */
  session(exchange: Exchange): void {
    const { headers, rawHeaders } = exchange.request;
    const id = String(headers['x-docker-expose-session-uuid'] ?? '');
    const methods = rawHeaders.filter(
      (_, index) => index % 2 === 1 && /^x-docker-expose-session-grpc-method$/i.test(rawHeaders[index - 1] ?? ''),
    );
    const client = new GrpcClient(switched(exchange));
    const sharedKey = String(headers['x-docker-expose-session-sharedkey'] ?? '');
    try {
      this.#sessions.add({ id, sharedKey, methods: new Set(methods), client });
    } catch (error) {
      this.#log.warn('a build session was refused', { session: id, error: error instanceof Error ? error.message : String(error) });
      client.close();
    }
  }
}

/** Takes the connection for HTTP/2; both sides speak it from here on. */
function switched(exchange: Exchange) {
  const connection = exchange.takeConnection();
  connection.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  return connection;
}
