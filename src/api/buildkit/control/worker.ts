import type { Decoded, Sparse } from '../wire/codec.ts';
import type { WorkerRecord } from '../wire/control.ts';

/** Facts of the host that clients ask before they build. */
export interface HostFacts {
  engineId: string;
  /** As the kernel tells it, or as OCI does: `x86_64`, `arm64`. */
  architecture: string;
  /** Address by which containers reach the host; undefined without a bridge. */
  hostGateway: string | undefined;
}

/** The one worker that a daemon has. */
export class Worker {
  readonly version: { package: string; version: string; revision: string };
  readonly #host: () => Promise<HostFacts>;

  constructor(version: string, host: () => Promise<HostFacts>) {
    this.version = { package: 'gantry', version: `v${version}`, revision: '' };
    this.#host = host;
  }

  async record(): Promise<Sparse<Decoded<typeof WorkerRecord>>> {
    const { engineId, architecture, hostGateway } = await this.#host();
    return {
      id: engineId,
      labels: {
        // Clients put it in the place of `host-gateway`.
        ...(hostGateway === undefined ? {} : { 'org.mobyproject.buildkit.worker.moby.host-gateway-ip': hostGateway }),
      },
      platforms: [platformOf(architecture)],
      version: this.version,
    };
  }
}

function platformOf(architecture: string) {
  const names: Readonly<Record<string, { architecture: string; variant?: string }>> = {
    x86_64: { architecture: 'amd64' },
    aarch64: { architecture: 'arm64' },
    armv7l: { architecture: 'arm', variant: 'v7' },
    armv6l: { architecture: 'arm', variant: 'v6' },
    i686: { architecture: '386' },
  };
  return { os: 'linux', ...(names[architecture] ?? { architecture }) };
}
