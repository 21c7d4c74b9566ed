import type { HealthCheck } from './health.ts';

/** The run-time part of an image's configuration, after decoding (OCI image-spec config.md, section "config"). */
export interface ImageRunConfig {
  user: string;
  exposedPorts: string[];
  env: string[];
  entrypoint: string[] | undefined;
  cmd: string[] | undefined;
  volumes: string[];
  workingDir: string;
  labels: Record<string, string>;
  stopSignal: string;
  healthcheck: HealthCheck | undefined;
  onBuild: string[];
  shell: string[] | undefined;
  /** Docker's flag: cmd is one shell string already escaped (Windows); kept for round trips. */
  argsEscaped?: boolean;
}

export interface ImageHistoryEntry {
  created?: string;
  createdBy: string;
  author?: string;
  comment: string;
  emptyLayer: boolean;
}

/** An image in the store. */
export interface ImageRecord {
  /** `sha256:` + digest of the configuration blob: what Docker calls the image id. */
  id: string;
  /** Normalized `name:tag` references, familiar form (`busybox:latest`, `host:5000/a/b:1`). */
  tags: string[];
  /** Normalized `name@sha256:…` references. */
  digests: string[];
  architecture: string;
  os: string;
  variant?: string;
  created: string;
  author: string;
  comment: string;
  config: ImageRunConfig;
  /** The configuration blob as it came, for inspect, save and push. */
  rawConfig: Record<string, unknown>;
  /** Diff ids (`sha256:…`), base first. */
  layers: string[];
  history: ImageHistoryEntry[];
  /** Bytes unpacked, shared layers included. */
  size: number;
  /** The image that it was made from here, by a commit; empty for what came from elsewhere. */
  parent?: string;
  /** When a tag last changed, RFC 3339. */
  taggedAt: string;
}
