import { BuildStepError, DockerfileError, type DockerfileSourceText, type SourceRange } from '../../../build/index.ts';
import type { Detail } from '../grpc/status.ts';
import { position } from './encode-status.ts';

/** What clients need to show where in the Dockerfile a build failed: the excerpt, the step, the exit code. */
export function failureDetails(error: unknown): Detail[] {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof BuildStepError) return stepDetails(cause);
    if (cause instanceof DockerfileError) return sourceDetails(cause.source, cause.ranges);
  }
  return [];
}

function stepDetails(error: BuildStepError): Detail[] {
  const details = [...sourceDetails(error.source, error.ranges), detail('errdefs.Vertex', { digest: error.stepId })];
  if (error.exitCode !== undefined) details.push(detail('gatewayapi.ExitMessage', { Code: error.exitCode }));
  return details;
}

function sourceDetails(source: DockerfileSourceText | undefined, ranges: readonly SourceRange[]): Detail[] {
  if (!source || ranges.length === 0) return [];
  const data = excerptOf(source.data, ranges);
  if (data === undefined) return [];
  const info = { filename: source.filename, data: data.toString('base64'), language: 'Dockerfile' };
  return [detail('errdefs.Source', { info, ranges: ranges.map(position) })];
}

/** Bytes of the Dockerfile that go with an error: it travels in one header, and HTTP/2 takes 64 KiB, in which base64 of base64 has to fit. */
const ROOM = 12 * 1024;
/** Lines that clients show around those at fault, with some to spare. */
const AROUND = 10;
const LINE = 1_000;

/**
 * The Dockerfile, or of a long one the lines that clients show, each in its place: those before are empty, those after are left out.
 * Undefined when even that is too much.
 */
export function excerptOf(source: Uint8Array, ranges: readonly SourceRange[]): Buffer | undefined {
  const whole = Buffer.from(source);
  if (whole.length <= ROOM) return whole;
  const start = Math.min(...ranges.map((range) => range.start)) - AROUND;
  const end = Math.max(...ranges.map((range) => range.end)) + AROUND;
  const lines = whole.toString().split('\n').slice(0, end);
  const data = Buffer.from(lines.map((line, index) => (index + 1 < start ? '' : line.slice(0, LINE))).join('\n'));
  return data.length <= ROOM ? data : undefined;
}

function detail(name: string, value: unknown): Detail {
  return { typeUrl: `github.com/moby/buildkit/${name}+json`, value: Buffer.from(JSON.stringify(value)) };
}
