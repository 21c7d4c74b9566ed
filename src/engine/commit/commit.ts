import { conflict, describe, invalid } from '../../base/index.ts';
import { applyChanges, formatReference, parseReference, withDefaultTag } from '../../images/index.ts';
import { type ContainerRecord, type ImageRecord, isAlive } from '../../model/index.ts';
import { withoutIntent } from '../containers/lifecycle.ts';
import type { CommitOptions } from '../engine.ts';
import { type EngineParts, publishContainerEvent } from '../parts.ts';
import { containerConfig, imageDocument, mergeConfig, readConfig } from './document.ts';

/**
 * Makes an image of what a container changed. Whatever can be refused is refused before any work; the image is
 * visible when it is whole. The container is removed, started or stopped before or afterwards, not meanwhile.
 */
export async function commitContainer(parts: EngineParts, reference: string, options: CommitOptions): Promise<{ id: string }> {
  const { id } = parts.table.get(reference);
  const name = options.name === undefined ? undefined : checkedName(options.name);
  await parts.makeRoom?.(`committing ${reference}`, 0);
  return await parts.queue.run(id, async () => {
    options.signal.throwIfAborted();
    const record = parts.table.get(id);
    refuseGoing(record);
    const parent = parentOf(parts, record);
    const container = containerConfig(record);
    const own = options.config === undefined ? container : readConfig(options.config);
    const config = mergeConfig({ ...applyChanges(own, options.changes) }, container);
    const paused = options.pause && record.state.status === 'running' && (await pause(parts, record));
    try {
      return { id: await makeImage(parts, { record, parent, config, name, options }) };
    } finally {
      if (paused) await resume(parts, record);
    }
  });
}

async function makeImage(
  parts: EngineParts,
  work: { record: ContainerRecord; parent: ImageRecord; config: Record<string, unknown>; name: string | undefined; options: CommitOptions },
): Promise<string> {
  const { record, parent, config, name, options } = work;
  const { author, message, version, signal } = options;
  const { assembly } = parts.images;
  await using lease = assembly.lease();
  const layer = await assembly.capture(record.id, { lease, consume: false, signal });
  const created = parts.clock.timestamp();
  const document = imageDocument({ parent, record, config, created, author, message, version, diffId: layer?.diffId });
  // Name and image in one step: what is killed in between must not leave an image that nobody finds.
  const image = await assembly.put({
    config: document,
    names: name === undefined ? [] : [name],
    lease,
    parent: parent.id,
    event: { action: 'create' },
  });
  if (name !== undefined) await parts.images.tag(image.id, name);
  publishContainerEvent(parts, record, 'commit', { comment: message, imageID: image.id, imageRef: name ?? '' });
  return image.id;
}

function checkedName(text: string): string {
  const name = parseReference(text);
  if (name.digest !== undefined) throw invalid('refusing to create a tag with a digest reference');
  return formatReference(withDefaultTag(name));
}

function refuseGoing({ id, state, intent }: ContainerRecord): void {
  if (state.status === 'dead') throw conflict(`You cannot commit container ${id} which is Dead`);
  if (state.status === 'removing' || intent?.operation === 'remove')
    throw conflict(`You cannot commit container ${id} which is being removed`);
}

/** A container keeps the layers below it, but not the configuration of an image that was removed by force. */
function parentOf(parts: EngineParts, record: ContainerRecord): ImageRecord {
  const image = parts.images.list().find((other) => other.id === record.spec.imageId);
  if (!image)
    throw conflict(`the image ${record.spec.imageId} of container ${record.name} is gone, so its changes cannot be put on top of it`);
  return image;
}

/** The intent tells the next start whom to wake up again. False when it has just ended. */
async function pause(parts: EngineParts, record: ContainerRecord): Promise<boolean> {
  const { table, runtime, clock } = parts;
  await table.change(record.id, (r) => ({ ...r, intent: { operation: 'commit', since: clock.timestamp() } }));
  try {
    await runtime.pause(record.id);
  } catch (error) {
    await table.change(record.id, withoutIntent);
    // It has just ended: it stands still anyway.
    if (!isAlive(parts.table.get(record.id).state)) return false;
    throw error;
  }
  await table.changeState(record.id, { status: 'paused' });
  publishContainerEvent(parts, record, 'pause');
  return true;
}

async function resume(parts: EngineParts, record: ContainerRecord): Promise<void> {
  const { table, runtime } = parts;
  const now = table.find(record.id);
  if (now?.state.status !== 'paused') return;
  try {
    await runtime.resume(record.id);
  } catch (error) {
    parts.log.error('a container could not be woken up after its commit', { container: record.name, error: describe(error) });
    throw error;
  }
  await table.change(record.id, (r) =>
    withoutIntent({ ...r, state: { ...r.state, status: r.state.status === 'paused' ? 'running' : r.state.status } }),
  );
  publishContainerEvent(parts, record, 'unpause');
}
