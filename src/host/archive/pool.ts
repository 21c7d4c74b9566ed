import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { GantryError } from '../../base/index.ts';
import { giveMemoryBack } from '../give-back.ts';
import type { Job, Reply, Request } from './jobs.ts';
import { Ring } from './ring.ts';

/** One more where files are only looked at: that is short, and need not wait behind what streams in. */
const MAX_WORKERS = 2;
const IDLE_MILLISECONDS = 5_000;

interface Waiting {
  request: Request;
  ring: Ring | undefined;
  start(): void;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

interface Thread {
  worker: Worker;
  /** What it works on. */
  current: Waiting | undefined;
  /** Ends it when it has nothing to do. */
  timer: NodeJS.Timeout | undefined;
}

/** Threads for archives: started when there is work, ended when there was none for a while, so that an idle daemon does not pay for them. */
class ArchivePool {
  #queue: Waiting[] = [];
  #threads = new Set<Thread>();
  #nextId = 1;

  run(job: Job, ring: Ring | undefined, start: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request: Request = { id: this.#nextId++, job, ...(ring ? { ring: ring.memory } : {}) };
      this.#queue.push({ request, ring, start, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const busy = [...this.#threads].filter((thread) => thread.current).length;
    const at = this.#queue.findIndex(({ request }) => busy < (request.job.kind === 'measure' ? MAX_WORKERS + 1 : MAX_WORKERS));
    if (at < 0) return;
    const [waiting] = this.#queue.splice(at, 1) as [Waiting];
    const thread = [...this.#threads].find(({ current }) => !current) ?? this.#spawn();
    clearTimeout(thread.timer);
    thread.current = waiting;
    thread.worker.ref();
    waiting.start();
    thread.worker.postMessage(waiting.request);
  }

  #spawn(): Thread {
    const worker = new Worker(new URL('./worker/start.mjs', import.meta.url), {
      workerData: { compileCache: getCompileCacheDir() },
      execArgv: [],
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    const thread: Thread = { worker, current: undefined, timer: undefined };
    this.#threads.add(thread);
    worker.on('message', (reply: Reply) => this.#answer(thread, reply));
    worker.on('error', (error) => this.#died(thread, new GantryError('internal', 'An archive worker failed', { cause: error })));
    worker.on('exit', (code) => this.#died(thread, new GantryError('internal', `An archive worker ended with code ${code}`)));
    return thread;
  }

  #answer(thread: Thread, reply: Reply): void {
    const waiting = thread.current;
    if (!waiting) return;
    if ('wake' in reply) return waiting.ring?.wake();
    thread.current = undefined;
    if ('failure' in reply)
      waiting.reject(
        Object.assign(new GantryError(reply.failure.kind, reply.failure.message), reply.failure.code ? { code: reply.failure.code } : {}),
      );
    else waiting.resolve(reply.result);
    thread.worker.unref();
    thread.timer = setTimeout(() => void this.#end(thread), IDLE_MILLISECONDS);
    thread.timer.unref();
    this.#next();
  }

  async #end(thread: Thread): Promise<void> {
    this.#threads.delete(thread);
    await thread.worker.terminate();
    if (this.#threads.size === 0) giveMemoryBack();
  }

  #died(thread: Thread, error: GantryError): void {
    this.#threads.delete(thread);
    clearTimeout(thread.timer);
    thread.current?.ring?.closeReader();
    thread.current?.reject(error);
    thread.current = undefined;
    this.#next();
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
  const ended = pool
    .run(job, ring, () => {})
    .catch((error: unknown) => {
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
