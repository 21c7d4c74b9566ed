import { duration, listOf, number, object, pairs, type Schema, size, text, texts, word } from './words.ts';

const update = object({
  parallelism: number,
  delay: duration,
  failure_action: word('continue', 'pause', 'rollback'),
  monitor: duration,
  max_failure_ratio: number,
  order: word('start-first', 'stop-first'),
});

const device = object({ capabilities: texts, count: { type: ['string', 'number'] }, device_ids: texts, driver: text, options: pairs });

/** How a service is spread and updated. Compose Deploy Specification. */
export const deploy: Schema = object({
  mode: word('replicated', 'global', 'replicated-job', 'global-job'),
  endpoint_mode: word('vip', 'dnsrr'),
  replicas: number,
  labels: pairs,
  update_config: update,
  rollback_config: update,
  resources: object({
    limits: object({ cpus: number, memory: size, pids: number }),
    reservations: object({ cpus: number, memory: size, generic_resources: listOf({ type: 'object' }), devices: listOf(device) }),
  }),
  restart_policy: object({
    condition: word('none', 'no', 'on-failure', 'any', 'always', 'unless-stopped'),
    delay: duration,
    max_attempts: number,
    window: duration,
  }),
  placement: object({ constraints: texts, preferences: listOf(object({ spread: text })), max_replicas_per_node: number }),
});
