import type { BuildEvent, BuildStep, SourceRange } from '../../../build/index.ts';

type Event<K> = Extract<BuildEvent, { kind: K }>;

const SECOND = 1_000_000_000n;

/** Nanoseconds since the epoch as google.protobuf.Timestamp. */
export const timestamp = (nanoseconds: bigint) => ({ seconds: nanoseconds / SECOND, nanos: Number(nanoseconds % SECOND) });
const maybe = (nanoseconds: bigint | undefined) => (nanoseconds === undefined ? undefined : timestamp(nanoseconds));

export const position = ({ start, end }: SourceRange) => ({ start: { line: start }, end: { line: end } });

export function encodeStep(step: BuildStep) {
  return {
    digest: step.id,
    inputs: step.inputs,
    name: step.name,
    cached: step.cached,
    started: maybe(step.started),
    completed: maybe(step.completed),
    error: step.error ?? '',
  };
}

export function encodeProgress(event: Event<'progress'>) {
  return {
    id: event.id,
    vertex: event.stepId,
    name: event.name,
    current: BigInt(Math.round(event.current)),
    total: BigInt(Math.round(event.total)),
    timestamp: timestamp(event.completed ?? event.started),
    started: timestamp(event.started),
    completed: maybe(event.completed),
  };
}

export function encodeLog(event: Event<'log'>) {
  return { vertex: event.stepId, timestamp: timestamp(event.time), stream: event.stream, data: event.data };
}

export function encodeWarning({ stepId, warning, source }: Event<'warning'>) {
  const line = warning.ranges[0]?.start;
  return {
    vertex: stepId,
    level: 1,
    short: Buffer.from(`${warning.rule}: ${warning.detail}${line === undefined ? '' : ` (line ${line})`}`),
    detail: [Buffer.from(warning.description)],
    url: warning.url,
    info: { filename: source.filename, data: source.data, language: 'Dockerfile' },
    ranges: warning.ranges.map(position),
  };
}
