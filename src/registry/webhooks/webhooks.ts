import { createHmac } from 'node:crypto';
import { type Clock, describe, type Ids, type Log } from '../../base/index.ts';
import type { WebhookFigures } from '../metrics/metrics.ts';
import type { RegistryEvent } from '../registry.ts';

// Not imported statically: that reads every export of node:http and so loads a second HTTP client.
const http = () => process.getBuiltinModule('node:http');

export interface WebhookTarget {
  url: string;
  /** Key of the signature; none without it. */
  secret?: string;
  /** Which actions it hears of; all unless told. */
  actions?: readonly RegistryEvent['action'][];
}

/** Notifications that wait for one target; the oldest goes when there are more. */
const LONGEST_QUEUE = 1000;
const ATTEMPTS = 6;
const FIRST_PAUSE = 1000;
const PATIENCE = 10_000;

/**
 * Tells others of pushes and deletions: a POST of JSON, signed with HMAC-SHA256 in `X-Gantry-Signature: sha256=<hex>`. Each target
 * has a queue of its own, in order; a push never waits for any of them. Uploads of single blobs are not told.
 */
export class Webhooks implements AsyncDisposable {
  readonly figures: WebhookFigures = { delivered: 0, failed: 0, dropped: 0, waiting: 0 };
  readonly #queues: Queue[];
  readonly #parts: { clock: Clock; ids: Ids };

  constructor(targets: readonly WebhookTarget[], parts: { clock: Clock; ids: Ids; log: Log; firstPause?: number }) {
    this.#parts = parts;
    this.#queues = targets.map((target) => new Queue(target, this.figures, parts));
  }

  send(event: RegistryEvent): void {
    if (event.kind === 'blob' || this.#queues.length === 0) return;
    const body = JSON.stringify({ id: this.#parts.ids.next().slice(0, 32), time: this.#parts.clock.timestamp(), ...event });
    for (const queue of this.#queues) if (queue.wants(event)) queue.add(body);
  }

  /** Gives each target one more chance, then lets go. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}

class Queue {
  readonly #target: WebhookTarget;
  readonly #figures: WebhookFigures;
  readonly #parts: { clock: Clock; log: Log; firstPause?: number };
  readonly #stop = new AbortController();
  #waiting: string[] = [];
  #working: Promise<void> | undefined;

  constructor(target: WebhookTarget, figures: WebhookFigures, parts: { clock: Clock; log: Log; firstPause?: number }) {
    this.#target = target;
    this.#figures = figures;
    this.#parts = parts;
  }

  wants({ action }: RegistryEvent): boolean {
    return this.#target.actions?.includes(action) ?? true;
  }

  add(body: string): void {
    this.#waiting.push(body);
    this.#figures.waiting += 1;
    if (this.#waiting.length > LONGEST_QUEUE) {
      this.#waiting.shift();
      this.#figures.waiting -= 1;
      this.#figures.dropped += 1;
    }
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the registry is stopping'));
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) {
      this.#figures.waiting -= 1;
      const failure = await this.#deliver(body);
      this.#figures[failure === undefined ? 'delivered' : 'failed'] += 1;
      if (failure !== undefined)
        this.#parts.log.warn('a webhook was not delivered', { host: new URL(this.#target.url).host, error: describe(failure) });
    }
  }

  /** Tries again with growing pauses. Resolves to the last failure. */
  async #deliver(body: string): Promise<unknown> {
    let failure: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      try {
        return await this.#post(body);
      } catch (error) {
        failure = error;
      }
      if (this.#stop.signal.aborted || attempt === ATTEMPTS - 1) break;
      const pause = (this.#parts.firstPause ?? FIRST_PAUSE) * 4 ** attempt;
      await this.#parts.clock.sleep(pause, this.#stop.signal).catch(() => {});
    }
    return failure;
  }

  #post(body: string): Promise<undefined> {
    const { url, secret } = this.#target;
    const start = url.startsWith('https:') ? process.getBuiltinModule('node:https').request : http().request;
    const signature =
      secret === undefined ? {} : { 'X-Gantry-Signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': 'Gantry-Registry',
      'Content-Length': Buffer.byteLength(body),
      ...signature,
    };
    return new Promise((resolve, reject) => {
      const request = start(url, { method: 'POST', headers, signal: AbortSignal.timeout(PATIENCE) }, (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(undefined);
        else reject(new Error(`it answered ${status}`));
      });
      request.on('error', reject);
      request.end(body);
    });
  }
}
