import { unsupported } from '../../../base/index.ts';
import type { Handler } from '../../http/index.ts';
import type { AddRoute } from '../call.ts';

/** Connections that clients of this API take over for a protocol of another dialect: BuildKit's. */
export interface Upgrades {
  grpc: Handler;
  session: Handler;
}

export function upgradeRoutes(add: AddRoute, upgrades: Upgrades | undefined): void {
  for (const name of ['grpc', 'session'] as const)
    add('POST', `/${name}`, ({ exchange }) => {
      if (!upgrades) throw unsupported(`build sessions are not supported (/${name})`);
      return upgrades[name](exchange);
    });
}
