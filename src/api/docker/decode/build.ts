import { invalid, unsupported } from '../../../base/index.ts';
import type { BuildClient, BuildRequest } from '../../../build/index.ts';
import type { Credentials } from '../../../images/index.ts';
import { type Call, flag, integer, text } from '../call.ts';
import { Fields } from './fields.ts';
import { decodeNetworkMode } from './namespaces.ts';
import { decodeCredentials } from './registry-auth.ts';
import { decodeResources, decodeUlimits } from './resources.ts';

const DEFAULT_SHM = 64 * 1024 * 1024;
/** Query parameters of POST /build that bound what RUN may use, and their names in HostConfig. */
const LIMITS: Readonly<Record<string, string>> = {
  memory: 'Memory',
  memswap: 'MemorySwap',
  cpushares: 'CpuShares',
  cpuperiod: 'CpuPeriod',
  cpuquota: 'CpuQuota',
};

/** The query and headers of POST /build, `ImageBuild` of the API. Fails with `invalid` or, for what is not done here, `unsupported`. */
export function decodeBuild(call: Call, processors: number): { request: Omit<BuildRequest, 'observe'>; names: string[]; quiet: boolean } {
  refuse(call);
  const [target, platform, cgroupParent] = [text(call, 'target'), text(call, 'platform'), text(call, 'cgroupparent')];
  const remote = text(call, 'remote');
  const limits = new Fields(
    {
      ...Object.fromEntries(Object.entries(LIMITS).map(([name, field]) => [field, integer(call, name) ?? 0])),
      CpusetCpus: text(call, 'cpusetcpus') ?? '',
      CpusetMems: text(call, 'cpusetmems') ?? '',
      Ulimits: json(call, 'ulimits') ?? [],
      NetworkMode: text(call, 'networkmode') ?? 'default',
    },
    'build',
  );
  return {
    quiet: flag(call, 'q'),
    names: call.query.getAll('t').filter((name) => name !== ''),
    request: {
      dockerfile: { kind: 'context', path: text(call, 'dockerfile') ?? 'Dockerfile' },
      context: remote === undefined ? { kind: 'tar', stream: call.exchange.request } : { kind: 'remote', url: remote },
      namedContexts: {},
      ...(target === undefined ? {} : { target }),
      buildArguments: strings(call, 'buildargs'),
      labels: strings(call, 'labels'),
      ...(platform === undefined ? {} : { platform }),
      noCache: flag(call, 'nocache'),
      pull: flag(call, 'pull'),
      network: decodeNetworkMode(limits),
      extraHosts: call.query.getAll('extrahosts').filter((host) => host !== ''),
      resources: decodeResources(limits, processors),
      ulimits: decodeUlimits(limits),
      shmSize: integer(call, 'shmsize') || DEFAULT_SHM,
      ...(cgroupParent === undefined ? {} : { cgroupParent }),
      keepsWithinContext: true,
      cacheFrom: list(call, 'cachefrom'),
      inlineCache: false,
      // Without a session nobody asks for them: who may use the socket may use the host's network.
      entitlements: ['network.host'],
      client: new HeaderClient(call.exchange.request.headers['x-registry-config']),
    },
  };
}

function refuse(call: Call): void {
  if (flag(call, 'squash')) throw unsupported('squash is not supported: an image keeps the layers of its build');
  if (text(call, 'version') === '2')
    throw unsupported('version 2 of POST /build is not supported', 'BuildKit clients build over /grpc, as docker buildx does.');
  if (text(call, 'outputs') !== undefined) throw unsupported('outputs needs BuildKit: use docker buildx build --output');
}

function json(call: Call, name: string): unknown {
  const value = text(call, name);
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    throw invalid(`invalid value for ${name}: it is not JSON`);
  }
}

/** A JSON object of strings; null stands for a variable that the client does not have. */
function strings(call: Call, name: string): Record<string, string> {
  const value = json(call, name) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`invalid value for ${name}: it must be a JSON object`);
  const entries = Object.entries(value as Record<string, unknown>).filter(([, entry]) => entry !== null);
  const wrong = entries.find(([, entry]) => typeof entry !== 'string');
  if (wrong) throw invalid(`invalid value for ${name}: "${wrong[0]}" is not a text`);
  return Object.fromEntries(entries) as Record<string, string>;
}

function list(call: Call, name: string): string[] {
  const value = json(call, name) ?? [];
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string'))
    throw invalid(`invalid value for ${name}: it must be a JSON list of texts`);
  return value as string[];
}

/** A client that sent all it has with the request: the context as a tar, passwords in a header. */
class HeaderClient implements BuildClient {
  readonly #credentials = new Map<string, Credentials>();

  constructor(header: string | string[] | undefined) {
    if (typeof header !== 'string' || header === '') return;
    let known: unknown;
    try {
      known = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    } catch {
      throw invalid('invalid X-Registry-Config header: it is not JSON in base64');
    }
    for (const [server, entry] of Object.entries((known ?? {}) as Record<string, unknown>)) {
      const credentials = decodeCredentials(new Fields(entry, 'X-Registry-Config'));
      const host = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
      if (credentials) this.#credentials.set(host === 'index.docker.io' ? 'docker.io' : host, credentials);
    }
  }

  openDirectory(name: string): Promise<never> {
    return Promise.reject(unsupported(`a client without a session serves no directory "${name}"`));
  }

  secret(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  checkSshAgent(id: string): Promise<never> {
    return Promise.reject(unsupported(`ssh agent "${id}" needs BuildKit: use docker buildx build --ssh`));
  }

  connectSshAgent(id: string): Promise<never> {
    return this.checkSshAgent(id);
  }

  credentials(host: string): Promise<Credentials | undefined> {
    return Promise.resolve(this.#credentials.get(host.endsWith('docker.io') ? 'docker.io' : host));
  }
}
