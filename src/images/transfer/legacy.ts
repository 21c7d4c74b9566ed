import { invalid } from '../../base/index.ts';
import { formatReference, parseReference, withDefaultTag } from '../reference.ts';
import { type Described, parseDocument, type Unpacked } from './described.ts';

const MAX_PARENTS = 256;
const ID = /^[0-9a-f]{64}$/;

interface Step {
  id: string;
  json: Record<string, unknown>;
}

/** The images of an archive of Docker before 1.10: `repositories` names the topmost of a chain of `<id>/json` and `<id>/layer.tar`. */
export function readRepositories(unpacked: Unpacked): Described[] {
  const images = new Map<string, Described>();
  for (const [repository, tags] of Object.entries(objectIn(unpacked, 'repositories'))) {
    for (const [tag, id] of Object.entries(asObject(tags, 'repositories'))) {
      const name = formatReference(withDefaultTag(parseReference(`${repository}:${tag}`)));
      const known = images.get(String(id)) ?? describe(unpacked, chainOf(unpacked, String(id)));
      images.set(String(id), { ...known, names: [...known.names, name] });
    }
  }
  return [...images.values()];
}

/** Base first. */
function chainOf(unpacked: Unpacked, top: string): Step[] {
  const chain: Step[] = [];
  for (let id: unknown = top; id !== undefined && id !== ''; id = chain[0]?.json.parent) {
    if (typeof id !== 'string' || !ID.test(id) || chain.length >= MAX_PARENTS)
      throw invalid(`the archive has a chain of parents that is not valid at ${JSON.stringify(id)?.slice(0, 100)}`);
    chain.unshift({ id, json: objectIn(unpacked, `${id}/json`) });
  }
  return chain;
}

/** Such archives have no configuration with diff ids: it is made from what the topmost step says, and from the layers. */
function describe(unpacked: Unpacked, chain: readonly Step[]): Described {
  const layers = chain.map(({ id }) => `${id}/layer.tar`);
  const diffIds = layers.map((name) => {
    const layer = unpacked.layers.get(name);
    if (!layer) throw invalid(`the archive has no layer ${name}`);
    return layer.diffId;
  });
  const { id: _id, parent: _parent, layer_id: _layer, Size: _size, ...top } = chain.at(-1)?.json ?? {};
  const history = chain.map(({ json }) => ({ created: json.created, created_by: commandOf(json) }));
  return { config: Buffer.from(JSON.stringify({ ...top, history, rootfs: { type: 'layers', diff_ids: diffIds } })), layers, names: [] };
}

function commandOf(json: Record<string, unknown>): string {
  const config = json.container_config;
  const command = typeof config === 'object' && config !== null && 'Cmd' in config ? config.Cmd : undefined;
  return Array.isArray(command) ? command.join(' ') : '';
}

function objectIn(unpacked: Unpacked, name: string): Record<string, unknown> {
  const document = unpacked.documents.get(name);
  if (!document) throw invalid(`the archive has no ${name}`);
  return asObject(parseDocument(document, name), name);
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${name} in the archive is not an object`);
  return value as Record<string, unknown>;
}
