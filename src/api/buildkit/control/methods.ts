import { unsupported } from '../../../base/index.ts';
import type { Builder } from '../../../build/index.ts';
import { type Method, streaming, unary } from '../grpc/index.ts';
import {
  DiskUsageRequest,
  DiskUsageResponse,
  Empty,
  HealthResponse,
  InfoResponse,
  ListWorkersResponse,
  PruneRequest,
  SolveRequest,
  SolveResponse,
  StatusRequest,
  StatusResponse,
  UsageRecord,
} from '../wire/control.ts';
import type { Builds } from './builds.ts';
import { decodePrune, encodeUsage, usageFilter } from './usage.ts';
import type { Worker } from './worker.ts';

const SERVICE = '/moby.buildkit.v1.Control/';

export interface ControlParts {
  builder: Builder;
  builds: Builds;
  worker: Worker;
  solve: (request: ReturnType<typeof SolveRequest.decode>, signal: AbortSignal) => Promise<Record<string, string>>;
}

/** BuildKit's control calls, and the two beside them that its clients make. */
export function controlMethods({ builder, builds, worker, solve }: ControlParts): [string, Method][] {
  const methods: Record<string, Method> = {
    ListWorkers: unary(Empty, ListWorkersResponse, async () => ({ record: [await worker.record()] })),
    Info: unary(Empty, InfoResponse, () => ({ version: worker.version })),
    Solve: unary(SolveRequest, SolveResponse, async (request, { signal }) => ({ exporterResponse: await solve(request, signal) })),
    Status: streaming(StatusRequest, StatusResponse, async function* ({ ref }, { signal }) {
      using held = builds.hold(ref);
      yield* held.build.status.updates(signal);
    }),
    DiskUsage: unary(DiskUsageRequest, DiskUsageResponse, async ({ filter }) => ({
      record: (await builder.usage()).filter(usageFilter(filter)).map(encodeUsage),
    })),
    Prune: streaming(PruneRequest, UsageRecord, async function* (request) {
      const { removed } = await builder.prune(decodePrune(request));
      yield* removed.map(encodeUsage);
    }),
    // No history is kept: an empty one.
    ListenBuildHistory: streaming(Empty, Empty, async function* () {}),
    UpdateBuildHistory: unary(Empty, Empty, () => {
      throw unsupported('no history of builds is kept');
    }),
  };
  return [
    ...Object.entries(methods).map(([name, method]): [string, Method] => [SERVICE + name, method]),
    // Clients report how long they took; nobody here asks.
    ['/opentelemetry.proto.collector.trace.v1.TraceService/Export', unary(Empty, Empty, () => ({}))],
    ['/grpc.health.v1.Health/Check', unary(Empty, HealthResponse, () => ({ status: 1 }))],
  ];
}
