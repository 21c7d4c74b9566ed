import type { ImageHistoryEntry, ImageRecord } from '../../../model/index.ts';

const seconds = (text: string | undefined) => (text === undefined || text === '' ? 0 : Math.floor(Date.parse(text) / 1000));

/** One entry of `GET /images/json`. Counts and sizes that were not asked for are -1. */
export function encodeImageSummary(
  image: ImageRecord,
  minor: number,
  counts: { containers: number; sharedSize: number },
): Record<string, unknown> {
  // Old clients expect a name where there is none.
  const nameless = minor < 43 && image.tags.length === 0;
  return {
    Containers: counts.containers,
    Created: seconds(image.created),
    Id: image.id,
    Labels: Object.keys(image.config.labels).length > 0 ? image.config.labels : null,
    ParentId: image.parent ?? '',
    RepoDigests: nameless && image.digests.length === 0 ? ['<none>@<none>'] : image.digests,
    RepoTags: nameless ? ['<none>:<none>'] : image.tags,
    SharedSize: counts.sharedSize,
    Size: image.size,
    ...(minor < 44 ? { VirtualSize: image.size } : {}),
  };
}

/** The document of `GET /images/{name}/json`. */
export function encodeImage(image: ImageRecord, minor: number): Record<string, unknown> {
  const old = minor < 44;
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: image.digests,
    Parent: image.parent ?? '',
    // Docker keeps the words of a commit in the history only.
    Comment: image.comment || (image.history.at(-1)?.comment ?? ''),
    Created: image.created,
    ...(minor < 45 ? { ContainerConfig: emptyConfig() } : {}),
    DockerVersion: typeof image.rawConfig.docker_version === 'string' ? image.rawConfig.docker_version : '',
    Author: image.author,
    Config: encodeImageConfig(image, minor),
    Architecture: image.architecture,
    ...(image.variant ? { Variant: image.variant } : {}),
    Os: image.os,
    Size: image.size,
    ...(old ? { VirtualSize: image.size } : {}),
    GraphDriver: { Data: null, Name: 'overlay2' },
    RootFS: { Type: 'layers', ...(image.layers.length > 0 ? { Layers: image.layers } : {}) },
    Metadata: { LastTagTime: image.taggedAt || '0001-01-01T00:00:00Z' },
  };
}

function encodeImageConfig({ config }: ImageRecord, minor: number): Record<string, unknown> {
  const check = config.healthcheck;
  return {
    ...(minor < 50 ? processDefaults() : {}),
    User: config.user,
    ...(config.exposedPorts.length > 0 ? { ExposedPorts: keys(config.exposedPorts) } : {}),
    Env: config.env.length > 0 ? config.env : null,
    Cmd: config.cmd ?? null,
    ...(check
      ? {
          Healthcheck: {
            Test: check.test,
            ...nonZero({
              Interval: check.interval,
              Timeout: check.timeout,
              StartPeriod: check.startPeriod,
              StartInterval: check.startInterval,
              Retries: check.retries,
            }),
          },
        }
      : {}),
    ...(config.argsEscaped ? { ArgsEscaped: true } : {}),
    Volumes: config.volumes.length > 0 ? keys(config.volumes) : null,
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint ?? null,
    OnBuild: config.onBuild.length > 0 ? config.onBuild : null,
    Labels: Object.keys(config.labels).length > 0 ? config.labels : null,
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    ...(config.shell ? { Shell: config.shell } : {}),
  };
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function nonZero(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0));
}

/** What an image's configuration has of a container's: always the same. Gone since API 1.50. */
function processDefaults(): Record<string, unknown> {
  return {
    Hostname: '',
    Domainname: '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Image: '',
  };
}

function emptyConfig(): Record<string, unknown> {
  return {
    ...processDefaults(),
    User: '',
    Env: null,
    Cmd: null,
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    OnBuild: null,
    Labels: null,
  };
}

/** `GET /images/{name}/history`, newest first. As many entries have an id as images are known that it was made from, one on the other. */
export function encodeHistory(
  image: ImageRecord,
  layerSize: (diffId: string) => number,
  find: (id: string) => ImageRecord | undefined,
): Record<string, unknown>[] {
  const layers = [...image.layers];
  const sizeOf = (entry: ImageHistoryEntry) => (entry.emptyLayer ? 0 : layerSize(layers.shift() ?? ''));
  const entries = image.history.map((entry) => ({ entry, size: sizeOf(entry) })).reverse();
  let known: ImageRecord | undefined = image;
  return entries.map(({ entry, size }) => {
    const encoded = {
      Comment: entry.comment,
      Created: seconds(entry.created),
      CreatedBy: entry.createdBy,
      Id: known?.id ?? '<missing>',
      Size: size,
      Tags: known && known.tags.length > 0 ? known.tags : null,
    };
    known = known?.parent === undefined ? undefined : find(known.parent);
    return encoded;
  });
}
