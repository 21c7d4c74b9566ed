import { invalid } from '../../base/index.ts';
import type { Exchange } from '../http/index.ts';
import type { BuildkitOptions, BuildkitService } from './service.ts';

export type { BuildkitOptions };

/** The two routes by which BuildKit's clients reach a daemon: `POST /grpc` and `POST /session`, both with `Upgrade: h2c`. */
export interface BuildkitApi {
  grpc(exchange: Exchange): Promise<void>;
  session(exchange: Exchange): Promise<void>;
}

/** Nothing is loaded before the first client comes: HTTP/2 and the protocol take 4 MB. */
export function createBuildkitApi(options: BuildkitOptions): BuildkitApi {
  let service: Promise<BuildkitService> | undefined;
  const load = async () => {
    const { BuildkitService } = await import('./service.ts');
    return new BuildkitService(options);
  };
  const enter = (use: (service: BuildkitService, exchange: Exchange) => void) => async (exchange: Exchange) => {
    if (!exchange.upgrade) throw invalid('this call needs the headers "Connection: Upgrade" and "Upgrade: h2c"');
    service ??= load();
    use(await service, exchange);
  };
  return { grpc: enter((to, exchange) => to.grpc(exchange)), session: enter((to, exchange) => to.session(exchange)) };
}
