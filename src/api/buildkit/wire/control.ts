import { blobs, bool, bytes, bytesMap, integer, long, message, messageMap, one, repeated, string, stringMap, strings } from './codec.ts';

/** Messages of BuildKit's services `moby.buildkit.v1.Control` and `moby.buildkit.v1.frontend.LLBBridge`: the fields that matter here. */

export const Empty = message({});

export const Timestamp = message({ seconds: long(1), nanos: integer(2) });
/** A message in another, as google.protobuf.Any has it. BuildKit's hold JSON. */
export const AnyMessage = message({ typeUrl: string(1), value: bytes(2) });
/** google.rpc.Status. */
export const RpcStatus = message({ code: integer(1), message: string(2), details: repeated(3, AnyMessage) });

export const Platform = message({ architecture: string(1), os: string(2), variant: string(3) });
export const Version = message({ package: string(1), version: string(2), revision: string(3) });
const CollectionPolicy = message({ all: bool(1), keepDuration: long(2), filters: strings(4), reservedSpace: long(3) });
export const WorkerRecord = message({
  id: string(1),
  labels: stringMap(2),
  platforms: repeated(3, Platform),
  collectionPolicy: repeated(4, CollectionPolicy),
  version: one(5, Version),
});
export const ListWorkersResponse = message({ record: repeated(1, WorkerRecord) });
export const InfoResponse = message({ version: one(1, Version) });

export const SourcePosition = message({ line: integer(1), character: integer(2) });
export const PositionRange = message({ start: one(1, SourcePosition), end: one(2, SourcePosition) });

/** A low-level definition: encoded operations, each known by the digest of its bytes. */
export const Definition = message({ operations: blobs(1), metadata: messageMap(2, Empty) });
const OperationInput = message({ digest: string(1), index: long(2) });
const SourceOperation = message({ identifier: string(1) });
export const Operation = message({ inputs: repeated(1, OperationInput), source: one(3, SourceOperation), platform: one(10, Platform) });

export const CacheOptions = message({ type: string(1), attributes: stringMap(2) });
export const Exporter = message({ type: string(1), attributes: stringMap(2) });
const Caches = message({ exports: repeated(4, CacheOptions), imports: repeated(5, CacheOptions) });
export const SolveRequest = message({
  ref: string(1),
  definition: one(2, Definition),
  exporterDeprecated: string(3),
  exporterAttributesDeprecated: stringMap(4),
  session: string(5),
  frontend: string(6),
  frontendAttributes: stringMap(7),
  cache: one(8, Caches),
  entitlements: strings(9),
  frontendInputs: messageMap(10, Definition),
  internal: bool(11),
  exporters: repeated(13, Exporter),
});
export const SolveResponse = message({ exporterResponse: stringMap(1) });

export const StatusRequest = message({ ref: string(1) });
export const Vertex = message({
  digest: string(1),
  inputs: strings(2),
  name: string(3),
  cached: bool(4),
  started: one(5, Timestamp),
  completed: one(6, Timestamp),
  error: string(7),
});
export const VertexStatus = message({
  id: string(1),
  vertex: string(2),
  name: string(3),
  current: long(4),
  total: long(5),
  timestamp: one(6, Timestamp),
  started: one(7, Timestamp),
  completed: one(8, Timestamp),
});
export const VertexLog = message({ vertex: string(1), timestamp: one(2, Timestamp), stream: integer(3), data: bytes(4) });
const SourceInfo = message({ filename: string(1), data: bytes(2), definition: one(3, Definition), language: string(4) });
export const VertexWarning = message({
  vertex: string(1),
  level: integer(2),
  short: bytes(3),
  detail: blobs(4),
  url: string(5),
  info: one(6, SourceInfo),
  ranges: repeated(7, PositionRange),
});
export const StatusResponse = message({
  vertexes: repeated(1, Vertex),
  statuses: repeated(2, VertexStatus),
  logs: repeated(3, VertexLog),
  warnings: repeated(4, VertexWarning),
});

export const UsageRecord = message({
  id: string(1),
  mutable: bool(2),
  inUse: bool(3),
  size: long(4),
  createdAt: one(6, Timestamp),
  lastUsedAt: one(7, Timestamp),
  usageCount: long(8),
  description: string(9),
  recordType: string(10),
  shared: bool(11),
  parents: strings(12),
});
export const DiskUsageRequest = message({ filter: strings(1) });
export const DiskUsageResponse = message({ record: repeated(1, UsageRecord) });
export const PruneRequest = message({
  filter: strings(1),
  all: bool(2),
  keepDuration: long(3),
  reservedSpace: long(4),
  maxUsedSpace: long(5),
  minFreeSpace: long(6),
});

const Capability = message({ id: string(1), enabled: bool(2) });
export const PongResponse = message({
  frontendCaps: repeated(1, Capability),
  llbCaps: repeated(2, Capability),
  workers: repeated(3, WorkerRecord),
});
const Ref = message({ id: string(1), definition: one(2, Definition) });
export const Result = message({ ref: one(3, Ref), metadata: bytesMap(10) });
export const FrontendSolveRequest = message({
  definition: one(1, Definition),
  frontend: string(2),
  options: stringMap(3),
  inputs: messageMap(13, Definition),
});
export const FrontendSolveResponse = message({ result: one(3, Result) });
export const ReturnRequest = message({ result: one(1, Result), error: one(2, RpcStatus) });
export const EvaluateRequest = message({ ref: string(1) });
/** grpc.health.v1. Status 1 is 'serving'. */
export const HealthResponse = message({ status: integer(1) });
