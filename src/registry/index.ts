export * from './access/index.ts';
export type { Retention } from './collection/collect.ts';
export { type RegistryCode, RegistryError } from './errors.ts';
export { LocalRegistry, type LocalRegistryOptions } from './local-registry.ts';
export { isIndex, MANIFEST_LIMIT } from './manifests/document.ts';
export { RegistryMetrics } from './metrics/metrics.ts';
export { checkName, parseDigest, parseReference } from './names.ts';
export type * from './registry.ts';
export { Webhooks, type WebhookTarget } from './webhooks/webhooks.ts';
