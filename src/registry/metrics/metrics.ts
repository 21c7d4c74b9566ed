import type { CollectionReport, RegistryUsage } from '../registry.ts';

/** Upper bounds of the time classes, in seconds. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

export interface WebhookFigures {
  delivered: number;
  failed: number;
  dropped: number;
  waiting: number;
}

/** What the registry has done, in Prometheus' text format 0.0.4. No label holds a name that a client chose. */
export class RegistryMetrics {
  readonly #requests = new Map<string, number>();
  readonly #buckets = BUCKETS.map(() => 0);
  readonly #usage: () => RegistryUsage;
  readonly #webhooks: () => WebhookFigures;
  #seconds = 0;
  #count = 0;
  #collections = 0;
  #freed = 0;

  constructor(usage: () => RegistryUsage, webhooks: () => WebhookFigures) {
    this.#usage = usage;
    this.#webhooks = webhooks;
  }

  request(method: string, what: string, status: number, milliseconds: number): void {
    const known = /^(GET|HEAD|PUT|POST|PATCH|DELETE)$/.test(method) ? method : 'other';
    const labels = `method="${known}",endpoint="${what}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    const seconds = milliseconds / 1000;
    this.#seconds += seconds;
    this.#count += 1;
    BUCKETS.forEach((bound, i) => {
      if (seconds <= bound) this.#buckets[i] = (this.#buckets[i] ?? 0) + 1;
    });
  }

  collected(report: CollectionReport): void {
    if (report.dryRun) return;
    this.#collections += 1;
    this.#freed += report.bytes;
  }

  text(): string {
    const usage = this.#usage();
    const hooks = this.#webhooks();
    const lines: string[] = [];
    const add = (name: string, type: string, help: string, values: Iterable<[labels: string, value: number]>) => {
      lines.push(`# HELP gantry_registry_${name} ${help}`, `# TYPE gantry_registry_${name} ${type}`);
      for (const [labels, value] of values) lines.push(`gantry_registry_${name}${labels && `{${labels}}`} ${value}`);
    };
    add('requests_total', 'counter', 'Requests answered.', this.#requests);
    lines.push(
      '# HELP gantry_registry_request_seconds Time until the answer was complete.',
      '# TYPE gantry_registry_request_seconds histogram',
    );
    BUCKETS.forEach((bound, i) => void lines.push(`gantry_registry_request_seconds_bucket{le="${bound}"} ${this.#buckets[i]}`));
    lines.push(`gantry_registry_request_seconds_bucket{le="+Inf"} ${this.#count}`);
    lines.push(`gantry_registry_request_seconds_sum ${this.#seconds}`, `gantry_registry_request_seconds_count ${this.#count}`);
    add('storage_bytes', 'gauge', 'Bytes of all blobs and manifests, each once.', [['', usage.bytes]]);
    add('objects', 'gauge', 'What is kept, by kind.', [
      ['kind="repository"', usage.repositories],
      ['kind="manifest"', usage.manifests],
      ['kind="tag"', usage.tags],
      ['kind="blob"', usage.blobs],
      ['kind="upload"', usage.uploads],
    ]);
    add('collections_total', 'counter', 'Garbage collections that freed what nothing names.', [['', this.#collections]]);
    add('collected_bytes_total', 'counter', 'Bytes that they freed.', [['', this.#freed]]);
    add('webhooks_total', 'counter', 'Notifications, by what became of them.', [
      ['result="delivered"', hooks.delivered],
      ['result="failed"', hooks.failed],
      ['result="dropped"', hooks.dropped],
    ]);
    add('webhooks_waiting', 'gauge', 'Notifications that wait.', [['', hooks.waiting]]);
    return `${lines.join('\n')}\n`;
  }
}
