import type { ImageRecord } from '../image.ts';

/** For tests: `busybox:latest`, which runs `sh`; changed by `patch`. */
export function plainImage(patch: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: `sha256:${'ab'.repeat(32)}`,
    tags: ['busybox:latest'],
    digests: [],
    architecture: 'amd64',
    os: 'linux',
    created: '',
    author: '',
    comment: '',
    config: {
      user: '',
      exposedPorts: [],
      env: ['PATH=/bin'],
      entrypoint: undefined,
      cmd: ['sh'],
      volumes: [],
      workingDir: '',
      labels: {},
      stopSignal: '',
      healthcheck: undefined,
      onBuild: [],
      shell: undefined,
    },
    rawConfig: {},
    layers: [],
    history: [],
    size: 1,
    taggedAt: '',
    ...patch,
  };
}
