/** Durations are nanoseconds, as in the OCI image configuration; 0 means the default. */
export interface HealthCheck {
  /** [] inherits the image's, ['NONE'] switches it off, else ['CMD', …] or ['CMD-SHELL', line]. */
  test: string[];
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
  retries: number;
}

export type HealthStatus = 'none' | 'starting' | 'healthy' | 'unhealthy';

export interface HealthProbe {
  start: string;
  end: string;
  exitCode: number;
  /** At most 4096 characters. */
  output: string;
}

export interface HealthState {
  status: HealthStatus;
  failingStreak: number;
  /** The newest five probes, oldest first. */
  log: HealthProbe[];
  /** Before the first success: when a failure counted last. Milliseconds since the start. */
  countedAt?: number;
}

/** Restarts of a container because it was unhealthy. */
export interface Recovery {
  /** In a row. */
  restarts: number;
  /** When the newest of them was. */
  restartedAt?: string;
  /** When the next one is due; it goes when the container is healthy again. */
  due?: string;
  /** The container is being ended for it: it starts again after that end. */
  ending?: true;
}

export const HEALTH_DEFAULTS = {
  interval: 30_000_000_000,
  timeout: 30_000_000_000,
  startPeriod: 0,
  startInterval: 5_000_000_000,
  retries: 3,
} as const;
