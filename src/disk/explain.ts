import type { CacheEntry } from '../build/index.ts';
import type { ContainerStorage } from '../engine/index.ts';
import type { ImagesOnDisk, LedgerLine, Owner, VolumeOnDisk } from './disk.ts';
import { sum } from './images-on-disk.ts';
import { shownBytes } from './limit.ts';
import { GRACE, type Situation } from './plan.ts';

export interface DiskFacts {
  /** Bytes; undefined: there is none. */
  budget: number | undefined;
  ledger: readonly LedgerLine[];
  images: ImagesOnDisk;
  containers: readonly ContainerStorage[];
  volumes: readonly VolumeOnDisk[];
  cache: readonly CacheEntry[];
  situation: Situation;
  /** What a collection could free at most. */
  collectable: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Largest ones that are named. */
const NAMED = 3;

/** The story of the disk, as `gantry why disk` tells it. Pure. */
export function explainDisk(facts: DiskFacts): { state: string; summary: string } {
  const { budget, ledger, collectable } = facts;
  const used = sum(ledger.map(({ bytes }) => bytes));
  const over = budget !== undefined && used > budget;
  const state = budget === undefined ? 'no budget' : over ? 'over its budget' : 'within its budget';
  const share = budget === undefined ? '' : ` of ${shownBytes(budget)} (${Math.round((used / budget) * 100)} %)`;
  const bound = budget === undefined ? ' It has no bound: --disk-budget sets one.' : '';
  const width = Math.max(...ledger.map(({ owner }) => owner.length));
  const lines = ledger.map(({ owner, bytes }) =>
    `  ${owner.padEnd(width)}  ${shownBytes(bytes).padStart(9)}  ${remark(owner, facts)}`.trimEnd(),
  );
  return {
    state,
    summary: [
      `${shownBytes(used)}${share} are used; ${shownBytes(Math.min(collectable, used))} can be freed ${budget === undefined ? 'by pruning' : 'by itself'}.${bound}`,
      ...lines,
    ].join('\n'),
  };
}

function remark(owner: Owner, facts: DiskFacts): string {
  switch (owner) {
    case 'images':
      return imageRemark(facts);
    case 'build cache': {
      const busy = facts.cache.filter(({ inUse }) => inUse).length;
      return `${facts.cache.length} pieces${busy > 0 ? `, ${busy} in use by builds` : ''}; collected first`;
    }
    case 'containers':
      return largest(
        'never collected, running or not',
        facts.containers.map(({ container, layer, files }) => ({ name: container.name, size: layer + files })),
      );
    case 'logs':
      return largest(
        'bounded by rotation',
        facts.containers.map(({ container, logs }) => ({ name: container.name, size: logs })),
      );
    case 'volumes':
      return largest('never collected', facts.volumes);
    case 'unfinished':
      return 'pulls, builds and deletions under way';
    case 'other':
      return "the engine's own state";
  }
}

function imageRemark({ images, situation, now }: DiskFacts): string {
  const used = situation.images.filter((image) => image.used);
  const fresh = situation.images.filter((image) => !image.used && now - image.lastUsed < GRACE);
  const parts = [`${images.list.length} images`];
  if (used.length > 0) parts.push(`${used.length} kept as containers were made from them`);
  if (fresh.length > 0) parts.push(`${fresh.length} kept as they came or were used in the last ${GRACE / 60_000} minutes`);
  return `${parts.join(', ')}; the others by last use`;
}

function largest(rule: string, list: readonly { name: string; size: number }[]): string {
  const top = [...list].filter(({ size }) => size > 0).sort((a, b) => b.size - a.size);
  if (top.length === 0) return rule;
  return `${rule}; largest: ${top
    .slice(0, NAMED)
    .map(({ name, size }) => `${name.length > 40 ? name.slice(0, 12) : name} ${shownBytes(size)}`)
    .join(', ')}`;
}
