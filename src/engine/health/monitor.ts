import { type Clock, describe } from '../../base/index.ts';
import { type ContainerRecord, type HealthCheck, type HealthProbe, type HealthState, isAlive } from '../../model/index.ts';
import type { ExecHandle } from '../../runtime/index.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { afterProbe, nextProbeDelay, probeCommand, probeTimeout } from './plan.ts';

/** Characters of output kept of one probe. */
const OUTPUT_LIMIT = 4096;
/** Milliseconds after a probe's exit in which its output is waited for. */
const LATEST_OUTPUT = 500;

/** Called when a verdict changes, after it was recorded and told. */
export interface HealthHooks {
  healthy(record: ContainerRecord): Promise<void>;
  unhealthy(record: ContainerRecord): Promise<void>;
}

/** Runs the health checks of running containers, one at a time each. */
export class HealthMonitor {
  #parts: EngineParts;
  #hooks: HealthHooks;
  #timers = new Map<string, () => void>();

  constructor(parts: EngineParts, hooks: HealthHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
  }

  /** Begins when the container runs; `fresh` false goes on with what is known (after a daemon restart). */
  watch(record: ContainerRecord, fresh: boolean): void {
    const check = record.spec.healthCheck;
    const command = probeCommand(check, shellOf(this.#parts, record));
    if (!check || !command) return;
    this.#plan(record.id, check, command);
    if (fresh) void this.#parts.table.changeState(record.id, { health: { status: 'starting', failingStreak: 0, log: [] } });
  }

  forget(id: string): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
  }

  close(): void {
    for (const id of [...this.#timers.keys()]) this.forget(id);
  }

  #plan(id: string, check: HealthCheck, command: string[]): void {
    const record = this.#parts.table.find(id);
    if (!record || !isAlive(record.state)) return;
    const health = record.state.health ?? { status: 'starting', failingStreak: 0, log: [] };
    const sinceStart = this.#parts.clock.now() - Date.parse(record.state.startedAt);
    const cancel = this.#parts.clock.later(nextProbeDelay(check, health, sinceStart), () => {
      void this.#probe(id, check, command).catch((error) =>
        this.#parts.log.error('a health probe could not be recorded', { id, error: describe(error) }),
      );
    });
    this.#timers.set(id, cancel);
  }

  async #probe(id: string, check: HealthCheck, command: string[]): Promise<void> {
    const record = this.#parts.table.find(id);
    if (record?.state.status === 'running') {
      const probe = await this.#run(record, check, command);
      await this.#record(id, record.state.startedAt, check, probe);
    }
    if (this.#timers.has(id)) this.#plan(id, check, command);
  }

  async #run(record: ContainerRecord, check: HealthCheck, command: string[]): Promise<HealthProbe> {
    const { runtime, images, ids, clock } = this.#parts;
    const start = clock.timestamp();
    try {
      const handle = await runtime.exec({
        execId: ids.next(),
        containerId: record.id,
        containerSpec: record.spec,
        rootfs: images.layers.path(record.id),
        spec: {
          command,
          environment: [],
          user: '',
          workingDirectory: '',
          tty: false,
          attachStdin: false,
          attachStdout: true,
          attachStderr: true,
          privileged: false,
          detachKeys: '',
        },
      });
      const output = collect(handle, clock);
      const exitCode = await this.#within(handle, probeTimeout(check));
      if (exitCode === undefined) {
        return { start, end: clock.timestamp(), exitCode: -1, output: `Health check exceeded timeout (${probeTimeout(check)} ms)` };
      }
      return { start, end: clock.timestamp(), exitCode, output: await output() };
    } catch (error) {
      return { start, end: clock.timestamp(), exitCode: -1, output: describe(error).slice(0, OUTPUT_LIMIT) };
    }
  }

  /** The exit code, or undefined when the probe had to be killed. */
  async #within(handle: ExecHandle, timeout: number): Promise<number | undefined> {
    let over = false;
    const cancel = this.#parts.clock.later(timeout, () => {
      over = true;
      void handle
        .kill()
        .catch((error) => this.#parts.log.error('a health probe that takes too long could not be ended', { error: describe(error) }));
    });
    const exitCode = await handle.exited;
    cancel();
    return over ? undefined : exitCode;
  }

  async #record(id: string, startedAt: string, check: HealthCheck, probe: HealthProbe): Promise<void> {
    const { table, clock, decisions } = this.#parts;
    const record = table.find(id);
    // A probe that outlived its run says nothing about the next one.
    if (!record || !isAlive(record.state) || record.state.startedAt !== startedAt) return;
    const before = record.state.health ?? { status: 'starting', failingStreak: 0, log: [] };
    const sinceStart = clock.now() - Date.parse(startedAt);
    const health = afterProbe(check, before, probe, sinceStart);
    const after = await table.changeState(id, { health });
    if (health.status === before.status) return;
    publishContainerEvent(this.#parts, after, `health_status: ${health.status}`);
    decisions.add(id, 'health', `${before.status} → ${health.status}: ${verdict(health, probe, sinceStart)}`);
    if (health.status === 'unhealthy') await this.#hooks.unhealthy(after);
    else await this.#hooks.healthy(after);
  }
}

function verdict(health: HealthState, probe: HealthProbe, sinceStart: number): string {
  if (probe.exitCode === 0) return `the check passed, ${(sinceStart / 1000).toFixed(1)} s after the start`;
  const times = health.failingStreak === 1 ? 'once' : `${health.failingStreak} times in a row, last`;
  return `the check failed ${times} with ${probe.exitCode}: ${probe.output.trim().slice(0, 200)}`;
}

/** What a probe writes. The last of it may come after its exit; what it left running keeps the stream open, so that the wait has an end. */
function collect(handle: ExecHandle, clock: Clock): () => Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  handle.streams?.onOutput((_stream, data) => {
    if (length >= OUTPUT_LIMIT) return;
    chunks.push(Buffer.from(data.subarray(0, OUTPUT_LIMIT - length)));
    length += data.length;
  });
  const ended = new Promise<void>((resolve) => (handle.streams ? handle.streams.onEnd(resolve) : resolve()));
  return async () => {
    const late = Promise.withResolvers<void>();
    const cancel = clock.later(LATEST_OUTPUT, late.resolve);
    await Promise.race([ended, late.promise]);
    cancel();
    return Buffer.concat(chunks).toString('utf8');
  };
}

function shellOf(parts: EngineParts, record: ContainerRecord): string[] {
  return parts.images.list().find((i) => i.id === record.spec.imageId)?.config.shell ?? ['/bin/sh', '-c'];
}
