import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { GantryError, invalid } from '../base/index.ts';
import type { AdvisoryState, Finding, Inventory } from './scan.ts';

/** Work that takes seconds of processor time, and memory that must go away afterwards. */
export type ScanJob = { kind: 'inventory'; root: string; imageId: string } | { kind: 'match'; inventory: Inventory; folder: string };

export interface MatchResult {
  findings: Finding[];
  advisories: AdvisoryState | undefined;
}

const MEGABYTES = 2048;
/** Of one job. The largest images take seconds, all of osv.dev's npm data about one minute; what takes longer is made to. */
const MOST_MILLISECONDS = 10 * 60 * 1000;

/** One thread per job: scans are rare, and a thread that ended holds no memory. */
export function runScanJob(job: Extract<ScanJob, { kind: 'inventory' }>, signal?: AbortSignal): Promise<Inventory>;
export function runScanJob(job: Extract<ScanJob, { kind: 'match' }>, signal?: AbortSignal): Promise<MatchResult>;
export function runScanJob(job: ScanJob, signal?: AbortSignal): Promise<unknown> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread-start.mjs', import.meta.url), {
      workerData: { compileCache: getCompileCacheDir(), job },
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
    });
    let ending: unknown;
    // Rejects only when the thread is gone, as the caller takes away what it reads.
    const stop = (reason: unknown) => {
      ending = reason;
      void worker.terminate();
    };
    const aborted = () => stop(signal?.reason);
    const late = setTimeout(() => stop(invalid(`A scan was ended after ${MOST_MILLISECONDS / 60_000} minutes`)), MOST_MILLISECONDS);
    signal?.addEventListener('abort', aborted, { once: true });
    const settled = () => {
      clearTimeout(late);
      signal?.removeEventListener('abort', aborted);
    };
    worker.once('message', (reply: { result: unknown } | { failure: string }) => {
      settled();
      if ('failure' in reply) reject(invalid(reply.failure));
      else resolve(reply.result);
    });
    worker.once('error', (error: Error) => {
      settled();
      reject(new GantryError('internal', `A scan failed: ${error.message}`, { cause: error }));
    });
    worker.once('exit', (code) => {
      settled();
      // After a message or a failure this changes nothing.
      reject(ending ?? new GantryError('internal', `A scan ended with code ${code}`));
    });
  });
}
