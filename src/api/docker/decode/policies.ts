import { invalid, unsupported } from '../../../base/index.ts';
import type { ContainerSpec, HealthCheck, RestartPolicy } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

const POLICIES = ['no', 'always', 'on-failure', 'unless-stopped'] as const;

/** Undefined when the document has no policy, so that update can leave it as it is. */
export function decodeRestartPolicy(host: Fields): RestartPolicy | undefined {
  const policy = host.object('RestartPolicy');
  if (!policy) return undefined;
  const text = policy.string('Name');
  const maximumRetryCount = policy.integer('MaximumRetryCount');
  const name = text === '' ? 'no' : POLICIES.find((known) => known === text);
  if (!name)
    throw invalid(`invalid restart policy: unknown policy '${text}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  if (name !== 'on-failure' && maximumRetryCount !== 0) {
    throw invalid(
      `invalid restart policy: maximum retry count can only be used with 'on-failure'${maximumRetryCount < 0 ? ' and cannot be negative' : ''}`,
    );
  }
  if (maximumRetryCount < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
  return { name, maximumRetryCount };
}

const LOG_OPTIONS: Record<ContainerSpec['log']['driver'], readonly string[]> = {
  'json-file': ['max-size', 'max-file', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size'],
  local: ['max-size', 'max-file', 'compress', 'mode', 'max-buffer-size'],
  none: ['mode', 'max-buffer-size'],
};

export function decodeLog(host: Fields): ContainerSpec['log'] {
  const config = host.object('LogConfig');
  const type = config?.string('Type') || 'json-file';
  if (!(type in LOG_OPTIONS))
    throw unsupported(`HostConfig.LogConfig.Type: the logging driver '${type}' is not supported`, "Use 'json-file', 'local' or 'none'.");
  const driver = type as ContainerSpec['log']['driver'];
  const options = config?.stringMap('Config') ?? {};
  for (const [name, value] of Object.entries(options)) {
    if (!LOG_OPTIONS[driver].includes(name)) throw invalid(`unknown log opt '${name}' for ${driver} log driver`);
    if ((name === 'max-size' || name === 'max-buffer-size') && !/^(-1|\d+(\.\d+)?\s?[kmgtb]?i?b?)$/i.test(value))
      throw invalid(`invalid size in log opt ${name}: '${value}'`);
    if (name === 'max-file' && !/^[1-9]\d{0,8}$/.test(value))
      throw invalid(`invalid log opt max-file: '${value}' is not a number of 1 or more`);
    if (name === 'mode' && value !== 'blocking' && value !== 'non-blocking' && value !== '')
      throw invalid(`invalid log opt mode: '${value}': use 'blocking' or 'non-blocking'`);
  }
  return { driver, options };
}

/** The least interval that Docker takes: 1 ms, in nanoseconds. */
const MINIMUM_DURATION = 1_000_000;

export function decodeHealthCheck(config: Fields): HealthCheck | undefined {
  const check = config.object('Healthcheck');
  if (!check) return undefined;
  const duration = (field: string, name: string) => {
    const value = check.integer(field);
    if (value !== 0 && value < MINIMUM_DURATION) throw invalid(`${name} in Healthcheck cannot be less than one millisecond`);
    return value;
  };
  const test = check.strings('Test') ?? [];
  if (test[0] !== undefined && !['NONE', 'CMD', 'CMD-SHELL', ''].includes(test[0]))
    throw invalid(`Unknown healthcheck type '${test[0]}': expected 'CMD', 'CMD-SHELL' or 'NONE'`);
  const retries = check.integer('Retries');
  if (retries < 0) throw invalid('Retries in Healthcheck cannot be negative');
  return {
    test: test[0] === '' ? [] : test,
    interval: duration('Interval', 'Interval'),
    timeout: duration('Timeout', 'Timeout'),
    startPeriod: duration('StartPeriod', 'StartPeriod'),
    startInterval: duration('StartInterval', 'StartInterval'),
    retries,
  };
}
