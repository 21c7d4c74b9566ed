import { parseNanoseconds, unsupported } from '../../../base/index.ts';
import type { CacheEntry, PruneOptions } from '../../../build/index.ts';
import type { Decoded } from '../wire/codec.ts';
import type { PruneRequest } from '../wire/control.ts';
import { timestamp } from './encode-status.ts';

const RECORD_TYPES: Readonly<Record<CacheEntry['kind'], string>> = {
  step: 'regular',
  'cache-mount': 'exec.cachemount',
  context: 'source.local',
};

const time = (text: string) => {
  const nanoseconds = parseNanoseconds(text);
  return nanoseconds === undefined ? undefined : timestamp(nanoseconds);
};

export function encodeUsage(entry: CacheEntry) {
  return {
    id: entry.id,
    mutable: entry.kind !== 'step',
    inUse: entry.inUse,
    size: BigInt(entry.size),
    createdAt: time(entry.createdAt),
    lastUsedAt: time(entry.lastUsedAt),
    usageCount: BigInt(entry.usageCount),
    description: entry.description,
    recordType: RECORD_TYPES[entry.kind],
    shared: entry.shared,
    parents: entry.parents,
  };
}

type Test = (entry: CacheEntry) => boolean;

const FIELDS: Readonly<Record<string, (entry: CacheEntry) => string>> = {
  id: (entry) => entry.id,
  type: (entry) => RECORD_TYPES[entry.kind],
  description: (entry) => entry.description,
  inuse: (entry) => String(entry.inUse),
  mutable: (entry) => String(entry.kind !== 'step'),
  immutable: (entry) => String(entry.kind === 'step'),
  shared: (entry) => String(entry.shared),
  private: (entry) => String(!entry.shared),
};

/** Filters as clients send them: `field==value`, `field!=value`, `field~=expression`, a bare `field`; one text may hold several with commas. */
export function usageFilter(filters: readonly string[]): Test {
  const alternatives = filters.filter((filter) => filter !== '').map((filter) => filter.split(',').map(parseTest));
  return (entry) => alternatives.length === 0 || alternatives.some((tests) => tests.every((test) => test(entry)));
}

function parseTest(text: string): Test {
  const [, name = '', operator, value = ''] = /^(\w+)(?:(==|!=|~=)(.*))?$/s.exec(text) ?? [];
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (!field) throw unsupported(`the filter '${text}' is not supported`, `fields are ${Object.keys(FIELDS).join(', ')}`);
  if (operator === undefined) return (entry) => field(entry) === 'true';
  if (operator === '~=') {
    const expression = pattern(value);
    return (entry) => expression.test(field(entry));
  }
  return (entry) => (field(entry) === value) === (operator === '==');
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw unsupported(`the filter's expression '${text}' is not supported: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function decodePrune(request: Decoded<typeof PruneRequest>): PruneOptions {
  const { maxUsedSpace, minFreeSpace, reservedSpace } = request;
  return {
    all: request.all,
    ...(request.keepDuration > 0n ? { unusedFor: Number(request.keepDuration / 1_000_000n) } : {}),
    keep: {
      ...(maxUsedSpace > 0n ? { maxUsed: Number(maxUsedSpace) } : {}),
      ...(minFreeSpace > 0n ? { minFree: Number(minFreeSpace) } : {}),
      ...(reservedSpace > 0n ? { reserved: Number(reservedSpace) } : {}),
    },
    filter: usageFilter(request.filter),
  };
}
