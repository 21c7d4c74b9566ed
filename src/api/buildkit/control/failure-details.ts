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
  const info = { filename: source.filename, data: Buffer.from(source.data).toString('base64'), language: 'Dockerfile' };
  return [detail('errdefs.Source', { info, ranges: ranges.map(position) })];
}

function detail(name: string, value: unknown): Detail {
  return { typeUrl: `github.com/moby/buildkit/${name}+json`, value: Buffer.from(JSON.stringify(value)) };
}
