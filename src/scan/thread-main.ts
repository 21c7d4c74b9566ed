import { parentPort, workerData } from 'node:worker_threads';
import { loadAdvisories } from './advisories/load.ts';
import { findingsOf, wantedOf } from './advisories/match.ts';
import { takeInventory } from './inventory/inventory.ts';
import type { MatchResult, ScanJob } from './thread.ts';

/** The other end of `runScanJob`. */
function run(job: ScanJob): unknown {
  if (job.kind === 'inventory') return takeInventory(job.root, job.imageId);
  const loaded = loadAdvisories(job.folder, wantedOf(job.inventory));
  return { findings: loaded ? findingsOf(job.inventory, loaded.index) : [], advisories: loaded?.state } satisfies MatchResult;
}

try {
  parentPort?.postMessage({ result: run((workerData as { job: ScanJob }).job) });
} catch (error) {
  parentPort?.postMessage({ failure: (error as Error).message });
}
