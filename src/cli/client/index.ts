export { type CallOptions, compareVersions, EngineClient, type Hijacked, NEWEST_API, OLDEST_API, type Query, readText } from './client.ts';
export { DEFAULT_ADDRESS, type Endpoint, normalizeAddress, type TlsFiles } from './endpoint.ts';
export { EngineRefusal, NoEngine } from './errors.ts';
export { copyOutput, type FrameSink, FrameSplitter } from './frames.ts';
export { indentJson, jsonStream, parseJson } from './json.ts';
