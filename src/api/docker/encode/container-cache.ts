import type { Engine } from '../../../engine/index.ts';
import type { ContainerRecord } from '../../../model/index.ts';
import { encodeInspect, encodeListEntry } from './container.ts';
import { statusText } from './status.ts';

interface Kept {
  minor: number;
  inspect?: Buffer;
  /** The JSON of the entry up to its Status, and after it. */
  list?: { before: string; after: string; image: string };
}

/**
 * Encoded containers. Records are never changed in place, so what was made from one is right for as long as the
 * record lives; the collector takes both together.
 */
export class ContainerCache {
  #engine: Engine;
  #kept = new WeakMap<ContainerRecord, Kept>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  inspect(record: ContainerRecord, minor: number): Buffer {
    // Execs come and go without a new record.
    if (this.#engine.execs.of(record.id).length > 0) return Buffer.from(`${JSON.stringify(this.inspectDocument(record, minor))}\n`);
    const kept = this.#entry(record, minor);
    kept.inspect ??= Buffer.from(`${JSON.stringify(this.inspectDocument(record, minor))}\n`);
    return kept.inspect;
  }

  inspectDocument(record: ContainerRecord, minor: number, sizes?: { writable: number; root: number }): Record<string, unknown> {
    return encodeInspect(record, {
      minor,
      findVolume: (name) => this.#volumePath(name),
      paths: this.#engine.containers.paths(record.id),
      root: this.#engine.images.layers.path(record.id),
      execIds: this.#engine.execs.of(record.id),
      ...(sizes ? { sizes } : {}),
    });
  }

  /** JSON of one list entry. `image` is the name to show; `now` is milliseconds since the epoch. */
  listEntry(record: ContainerRecord, minor: number, image: string, now: number, sizes?: { writable: number; root: number }): string {
    const kept = this.#entry(record, minor);
    if (kept.list?.image !== image) kept.list = this.#splitEntry(record, minor, image);
    const size = sizes ? `${sizes.writable > 0 ? `"SizeRw":${sizes.writable},` : ''}"SizeRootFs":${sizes.root},` : '';
    return `${kept.list.before}${size}"Status":${JSON.stringify(statusText(record.state, now))},${kept.list.after}`;
  }

  #splitEntry(record: ContainerRecord, minor: number, image: string): { before: string; after: string; image: string } {
    const { HostConfig, NetworkSettings, Mounts, ...first } = encodeListEntry(record, image, minor, (name) => this.#volumePath(name));
    return {
      before: `${JSON.stringify(first).slice(0, -1)},`,
      after: JSON.stringify({ HostConfig, NetworkSettings, Mounts }).slice(1),
      image,
    };
  }

  #entry(record: ContainerRecord, minor: number): Kept {
    const known = this.#kept.get(record);
    if (known?.minor === minor) return known;
    const fresh: Kept = { minor };
    this.#kept.set(record, fresh);
    return fresh;
  }

  #volumePath(name: string): string {
    return this.#engine.volumes.list().find((volume) => volume.name === name)?.mountpoint ?? '';
  }
}
