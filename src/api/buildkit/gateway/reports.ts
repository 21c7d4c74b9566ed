import { unsupported } from '../../../base/index.ts';
import type { DockerfileReport, SourceRange } from '../../../build/index.ts';

/** What `--check` and `--call` ask for, by BuildKit's `requestid`: metadata of the result, which clients print. */
export function encodeReport(request: string, report: DockerfileReport): Record<string, Buffer> {
  if (request === 'frontend.lint') return lint(report);
  if (request === 'frontend.outline') return document(outline(report), outlineText(report));
  if (request === 'frontend.targets') return document(targets(report), targetsText(report));
  if (request === 'frontend.subrequests.describe') return document(DESCRIPTION, DESCRIPTION.map(({ name }) => name).join('\n'));
  throw unsupported(`the call ${request} is not supported`, 'supported are check, outline and targets');
}

const DESCRIPTION = ['frontend.lint', 'frontend.outline', 'frontend.targets'].map((name) => ({ name, version: '1.0.0', type: 'rpc' }));

function document(json: unknown, text: string): Record<string, Buffer> {
  return { 'result.json': Buffer.from(JSON.stringify(json, null, 2)), 'result.txt': Buffer.from(text), version: Buffer.from('1.0.0') };
}

const location = (...ranges: SourceRange[]) => ({
  ranges: ranges.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })),
});

function lint(report: DockerfileReport): Record<string, Buffer> {
  const { source, warnings, error } = report;
  if (warnings.length === 0 && !error) return document({}, '');
  const json = {
    warnings: warnings.map(({ rule, description, url, detail, ranges }) => ({
      ruleName: rule,
      description,
      url,
      detail,
      location: location(...ranges),
    })),
    sources: [{ filename: source.filename, data: Buffer.from(source.data).toString('base64'), language: 'Dockerfile' }],
    ...(error ? { buildError: { message: error.message, location: location(error.range) } } : {}),
  };
  const lines = warnings.map(({ rule, detail, ranges }) => `WARNING: ${rule}: ${detail} (line ${ranges[0]?.start ?? 0})`);
  if (error) lines.push(`ERROR: ${error.message}`);
  return { ...document(json, `${lines.join('\n')}\n`), 'result.statuscode': Buffer.from('1') };
}

const sources = (report: DockerfileReport) => [Buffer.from(report.source.data).toString('base64')];

const given = (key: string, value: string | boolean) => (value ? { [key]: value } : {});
const listed = <T>(key: string, values: readonly T[]) => (values.length === 0 ? {} : { [key]: values });

/** Caches that are mounted are not told, as with Docker 28. */
function outline(report: DockerfileReport) {
  const { name, description, arguments: parameters, secrets, ssh } = report.outline;
  return {
    ...given('name', name),
    ...given('description', description),
    ...listed(
      'args',
      parameters.map((argument) => ({
        name: argument.name,
        ...given('description', argument.description),
        ...given('value', argument.value),
        location: location(argument.range),
      })),
    ),
    ...listed(
      'secrets',
      secrets.map((secret) => ({ name: secret.name, ...given('required', secret.required), location: location(secret.range) })),
    ),
    ...listed(
      'ssh',
      ssh.map((agent) => ({ name: agent.name, ...given('required', agent.required), location: location(agent.range) })),
    ),
    sources: sources(report),
  };
}

function outlineText(report: DockerfileReport): string {
  const { name, description, arguments: parameters, secrets, ssh } = report.outline;
  const lines = [`TARGET: ${name}`, ...(description ? [`DESCRIPTION: ${description}`] : [])];
  for (const argument of parameters) lines.push(`ARG ${argument.name}=${argument.value} ${argument.description}`.trimEnd());
  for (const secret of secrets) lines.push(`SECRET ${secret.name}${secret.required ? ' (required)' : ''}`);
  for (const agent of ssh) lines.push(`SSH ${agent.name}${agent.required ? ' (required)' : ''}`);
  return `${lines.join('\n')}\n`;
}

function targets(report: DockerfileReport) {
  return {
    targets: report.targets.map((target) => ({
      ...given('name', target.name),
      ...given('default', target.default),
      ...given('description', target.description),
      ...given('base', target.base),
      ...given('platform', target.platform),
      location: location(target.range),
    })),
    sources: sources(report),
  };
}

const targetsText = (report: DockerfileReport) =>
  report.targets
    .map((target) => `${target.name || '<unnamed>'}${target.default ? ' (default)' : ''} ${target.description}`.trimEnd())
    .join('\n');
