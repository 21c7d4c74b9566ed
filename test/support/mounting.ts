import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { TestDaemon } from './daemon.ts';
import { lasting } from './footprint.ts';

/** What tests of volumes and mounts say again and again. Containers have no network, and are made of busybox. */
export class Mounting {
  readonly daemon: TestDaemon;
  static readonly image = 'gantry/busybox';

  constructor(daemon: TestDaemon) {
    this.daemon = daemon;
  }

  /** Runs a container to its end and answers what it said. */
  once(...args: string[]): Promise<string> {
    return this.daemon.ok('run', '--rm', '--network', 'none', ...args);
  }

  sleeper(name: string, ...args: string[]): Promise<string> {
    const quick = ['run', '-d', '--name', name, '--network', 'none', '--stop-signal', 'KILL'];
    return this.daemon.ok(...quick, ...args, Mounting.image, 'sleep', '1000');
  }

  /** The client must fail, and say this. */
  async refused(pattern: RegExp, ...args: string[]): Promise<void> {
    const { status, stderr } = await this.daemon.docker(...args);
    assert.notEqual(status, 0, args.join(' '));
    assert.match(stderr, pattern);
  }

  /** A folder on the host; gone with the daemon. */
  folder(name: string): string {
    const place = path.join(this.daemon.root, 'host', name);
    mkdirSync(place, { recursive: true });
    return place;
  }

  async mountsBelow(place: string): Promise<string[]> {
    return (await this.daemon.footprint()).mounts.filter((point) => point.includes(place));
  }

  /** Removes containers and volumes. No mount may be left of them. */
  async clear(): Promise<void> {
    const { daemon } = this;
    const containers = await daemon.ok('ps', '-aq');
    if (containers !== '') await daemon.ok('rm', '-f', '-v', ...containers.split('\n'));
    const volumes = await daemon.ok('volume', 'ls', '-q');
    if (volumes !== '') await daemon.ok('volume', 'rm', ...volumes.split('\n'));
    const { mounts } = lasting(await daemon.footprint());
    const left = mounts.filter((point) => /\/(volumes|mounts|layers)\//.test(point));
    assert.deepEqual(left, [], 'mounts that are left');
  }
}
