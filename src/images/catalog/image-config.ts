import { invalid } from '../../base/index.ts';
import type { HealthCheck, ImageHistoryEntry, ImageRecord, ImageRunConfig } from '../../model/index.ts';

/** The part of an image record that its configuration blob tells (OCI image-spec, config.md; Docker's extensions). */
export type DecodedImage = Pick<
  ImageRecord,
  'architecture' | 'os' | 'variant' | 'created' | 'author' | 'comment' | 'config' | 'rawConfig' | 'layers' | 'history'
>;

type Json = Record<string, unknown>;

/** Reads a configuration blob. Fails with `invalid`, naming the field, when a field has the wrong type. */
export function decodeImageConfig(data: Uint8Array): DecodedImage {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(data).toString('utf8'));
  } catch (error) {
    throw invalid(`the image configuration is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(document)) throw invalid('the image configuration is not an object');
  const rootfs = objectAt(document, 'rootfs');
  const layers = texts(rootfs, 'diff_ids') ?? [];
  for (const diffId of layers)
    if (!/^sha256:[0-9a-f]{64}$/.test(diffId)) throw invalid(`the image configuration names an invalid diff id: ${diffId.slice(0, 100)}`);
  const variant = text(document, 'variant');
  return {
    architecture: text(document, 'architecture'),
    os: text(document, 'os') || 'linux',
    ...(variant ? { variant } : {}),
    created: text(document, 'created'),
    author: text(document, 'author'),
    comment: text(document, 'comment'),
    config: decodeRunConfig(objectAt(document, 'config')),
    rawConfig: document,
    layers,
    history: historyOf(document),
  };
}

function decodeRunConfig(config: Json): ImageRunConfig {
  return {
    user: text(config, 'User'),
    exposedPorts: Object.keys(objectAt(config, 'ExposedPorts')),
    env: texts(config, 'Env') ?? [],
    entrypoint: texts(config, 'Entrypoint'),
    cmd: texts(config, 'Cmd'),
    volumes: Object.keys(objectAt(config, 'Volumes')),
    workingDir: text(config, 'WorkingDir'),
    labels: labelsOf(config),
    stopSignal: text(config, 'StopSignal'),
    healthcheck: healthCheckOf(config),
    onBuild: texts(config, 'OnBuild') ?? [],
    shell: texts(config, 'Shell'),
    ...(config.ArgsEscaped === true ? { argsEscaped: true } : {}),
  };
}

function labelsOf(config: Json): Record<string, string> {
  const labels = objectAt(config, 'Labels');
  for (const [key, value] of Object.entries(labels))
    if (typeof value !== 'string') throw invalid(`label ${key} of the image is not a text`);
  return labels as Record<string, string>;
}

function healthCheckOf(config: Json): HealthCheck | undefined {
  const check = objectAt(config, 'Healthcheck');
  const test = texts(check, 'Test');
  if (!test) return undefined;
  const number = (key: string) => (typeof check[key] === 'number' ? (check[key] as number) : 0);
  return {
    test,
    interval: number('Interval'),
    timeout: number('Timeout'),
    startPeriod: number('StartPeriod'),
    startInterval: number('StartInterval'),
    retries: number('Retries'),
  };
}

function historyOf(document: Json): ImageHistoryEntry[] {
  const { history } = document;
  if (history === undefined || history === null) return [];
  if (!Array.isArray(history) || !history.every(isObject)) throw invalid('the history of the image configuration is not a list of objects');
  return history.map((entry: Json) => ({
    ...(text(entry, 'created') ? { created: text(entry, 'created') } : {}),
    createdBy: text(entry, 'created_by'),
    ...(text(entry, 'author') ? { author: text(entry, 'author') } : {}),
    comment: text(entry, 'comment'),
    emptyLayer: entry.empty_layer === true,
  }));
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function text(object: Json, key: string): string {
  const value = object[key];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw invalid(`"${key}" of the image configuration is not a text`);
  return value;
}

/** Undefined for what is missing or null. */
function texts(object: Json, key: string): string[] | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'string'))
    throw invalid(`"${key}" of the image configuration is not a list of texts`);
  return value;
}

function objectAt(object: Json, key: string): Json {
  const value = object[key];
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalid(`"${key}" of the image configuration is not an object`);
  return value;
}
