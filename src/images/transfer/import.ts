import type { Readable } from 'node:stream';
import { type Clock, invalid } from '../../base/index.ts';
import type { ImageRecord } from '../../model/index.ts';
import type { ImageCatalog } from '../catalog/catalog.ts';
import { dockerConfig, goJson, goTime } from '../config-document.ts';
import type { ImportOptions } from '../images.ts';
import type { LayerStore } from '../layers/layer-store.ts';
import { formatReference, parseReference, withDefaultTag } from '../reference.ts';
import { applyChanges } from './changes.ts';

const ARCHITECTURES: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  s390x: 's390x',
  ppc64: 'ppc64le',
  riscv64: 'riscv64',
};

/** The platform of this host, as image indexes name it. */
export function hostPlatform(): { os: string; architecture: string } {
  return { os: 'linux', architecture: ARCHITECTURES[process.arch] ?? process.arch };
}

/** One root filesystem becomes an image of one layer. Its configuration is the one that Docker 28 would write, byte by byte. */
export async function importImage(
  rooms: { layers: LayerStore; catalog: ImageCatalog; clock: Clock },
  archive: Readable,
  options: ImportOptions,
): Promise<ImageRecord> {
  // What can be refused is refused before anything is unpacked.
  const names = options.reference ? [formatReference(withDefaultTag(parseReference(options.reference)))] : [];
  const config = applyChanges({}, options.changes);
  const [os, architecture, variant] = platformOf(options.platform);
  await using lease = rooms.layers.lease();
  const layer = await rooms.layers.unpack(archive, { lease, signal: options.signal });
  const created = goTime(rooms.clock.timestamp());
  const host = hostPlatform();
  const comment = options.message ? { comment: options.message } : {};
  const document = {
    architecture: architecture || host.architecture,
    ...comment,
    config: dockerConfig({ ...config }),
    container_config: dockerConfig({}),
    created,
    docker_version: options.version,
    history: [{ created, ...comment }],
    os: os || host.os,
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    ...(variant ? { variant } : {}),
  };
  return await rooms.catalog.put({
    config: Buffer.from(goJson(document)),
    names,
    lease,
    event: { action: 'import', tags: true },
  });
}

/** `os[/architecture[/variant]]`; it ends up in the configuration of the image, so nothing odd may be in it. */
function platformOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  if (!/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+){0,2}$/.test(text))
    throw invalid(`invalid platform ${JSON.stringify(text.slice(0, 200))}: use os/architecture/variant`);
  return text.split('/');
}
