import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { GantryError } from '../../base/index.ts';
import type { Job, Reply, Request } from './jobs.ts';
import { Ring } from './ring.ts';

const MAX_WORKERS = 2;
const IDLE_MILLISECONDS = 5_000;

interface Waiting {
  request: Request;
  start(): void;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Threads for archives: started when there is work, ended when there was none for a while, so that an idle daemon does not pay for them. */
class ArchivePool {
  #queue: Waiting[] = [];
  #idle: { worker: Worker; timer: NodeJS.Timeout }[] = [];
  #workers = 0;
  #nextId = 1;

  run(job: Job, ring: Ring | undefined, start: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request: Request = { id: this.#nextId++, job, ...(ring ? { ring: ring.memory } : {}) };
      this.#queue.push({ request, start, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const idle = this.#idle.pop();
    if (!idle && this.#workers >= MAX_WORKERS) return;
    const waiting = this.#queue.shift();
    if (!waiting) {
      if (idle) this.#idle.push(idle);
      return;
    }
    if (idle) clearTimeout(idle.timer);
    this.#use(idle?.worker ?? this.#spawn(), waiting);
  }

  #spawn(): Worker {
    this.#workers += 1;
    return new Worker(new URL('./worker/start.mjs', import.meta.url), { workerData: { compileCache: getCompileCacheDir() }, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 1024 } });
  }

  #use(worker: Worker, waiting: Waiting): void {
    const { request, resolve, reject } = waiting;
    const done = (died: boolean) => {
      worker.removeAllListeners();
      if (died) this.#workers -= 1;
      else this.#rest(worker);
      this.#next();
    };
    worker.ref();
    worker.once('message', (reply: Reply) => {
      if ('failure' in reply) reject(Object.assign(new GantryError(reply.failure.kind, reply.failure.message), reply.failure.code ? { code: reply.failure.code } : {}));
      else resolve(reply.result);
      done(false);
    });
    worker.once('error', (error) => {
      reject(new GantryError('internal', 'An archive worker failed', { cause: error }));
      done(true);
    });
    worker.once('exit', (code) => {
      reject(new GantryError('internal', `An archive worker ended with code ${code}`));
      done(true);
    });
    waiting.start();
    worker.postMessage(request);
  }

  #rest(worker: Worker): void {
    worker.unref();
    const timer = setTimeout(() => {
      this.#idle = this.#idle.filter((idle) => idle.worker !== worker);
      this.#workers -= 1;
      void worker.terminate();
    }, IDLE_MILLISECONDS);
    timer.unref();
    this.#idle.push({ worker, timer });
  }
}

const pool = new ArchivePool();

export const runJob = (job: Job): Promise<unknown> => pool.run(job, undefined, () => {});

/** Runs a job that reads `source`; reading begins when a worker is free. Resolves when the job has ended, and its traces are its own to undo. */
export async function feedJob(job: Job, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<unknown> {
  signal?.throwIfAborted();
  const ring = new Ring();
  let feeding: Promise<unknown> = Promise.resolve();
  let failure: { error: unknown } | undefined;
  const onAbort = () => ring.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const feed = async () => {
    try {
      for await (const chunk of source) await ring.write(chunk);
      ring.end();
    } catch (error) {
      failure = { error };
      ring.abort();
    }
  };
  try {
    const result = await pool.run(job, ring, () => (feeding = feed()));
    await feeding;
    return result;
  } catch (error) {
    ring.closeReader();
    await feeding;
    signal?.throwIfAborted();
    // The job's error tells more than the pipe that broke because of it; the source's own error tells more than that it broke off.
    throw failure && (error as { code?: string }).code === 'RING_CLOSED' ? failure.error : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Runs a job that writes, and yields what it writes. Fails after the last byte when the job failed. */
export async function* readJob(job: Job): AsyncGenerator<Buffer> {
  const ring = new Ring();
  let failure: { error: unknown } | undefined;
  const ended = pool.run(job, ring, () => {}).catch((error: unknown) => {
    failure = { error };
    ring.abort();
  });
  try {
    for (let view = await ring.available(); view; view = await ring.available()) {
      // A copy, since the worker writes on while the consumer holds the bytes.
      const chunk = Buffer.from(view.subarray(0, 256 * 1024));
      ring.consumed(chunk.length);
      yield chunk;
    }
  } catch (error) {
    await ended;
    throw failure?.error ?? error;
  } finally {
    ring.closeReader();
    await ended;
  }
}
