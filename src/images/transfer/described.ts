import { invalid } from '../../base/index.ts';
import type { LayerRecord } from '../layers/layer-store.ts';

/** What an archive held: documents by name, layers by the name of their member. */
export interface Unpacked {
  documents: Map<string, Buffer>;
  layers: Map<string, LayerRecord>;
}

/** One image that an archive describes. */
export interface Described {
  config: Buffer;
  names: string[];
  /** Names of the members that hold its layers, base first. */
  layers: string[];
}

/** A document that is an object, as all but the list of a docker-archive are. */
export function parseObject(data: Uint8Array, what: string): Record<string, unknown> {
  const document = parseDocument(data, what);
  if (!isObject(document)) throw invalid(`${what} is not an object`);
  return document;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function parseDocument(data: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch (error) {
    throw invalid(`${what} is not JSON: ${(error as Error).message}`);
  }
}
