import type { ImagePlatform } from '../plan/plan.ts';

/** One entry of an image's history, in Docker's order of keys. */
export interface HistoryEntry {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

export interface DocumentParts {
  platform: ImagePlatform;
  author: string | undefined;
  config: Record<string, unknown>;
  history: readonly HistoryEntry[];
  diffIds: readonly string[];
  /** Seconds since the epoch. */
  sourceDateEpoch: number | undefined;
  /** Goes beside Docker's own keys. */
  inlineCache?: unknown;
}

/** The key beside Docker's that holds the cache keys of the layers. */
export const INLINE_CACHE = 'dev.gantry.build.cache.v1';

/** The image configuration as Docker's builder writes it: keys sorted, texts escaped as Go does. Its digest is the image's id. */
export function imageDocument(parts: DocumentParts): Buffer {
  const history = datedHistory(parts.history, parts.sourceDateEpoch);
  const created =
    parts.sourceDateEpoch === undefined ? history.findLast((entry) => entry.created)?.created : epochText(parts.sourceDateEpoch);
  const document: Record<string, unknown> = {
    ...parts.platform,
    ...(parts.author ? { author: parts.author } : {}),
    config: parts.config,
    ...(created === undefined ? {} : { created }),
    history,
    rootfs: { type: 'layers', diff_ids: parts.diffIds },
    ...(parts.inlineCache === undefined ? {} : { [INLINE_CACHE]: parts.inlineCache }),
  };
  const sorted = Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
  return Buffer.from(escapeAsGo(JSON.stringify(sorted)));
}

/**
 * Entries without a layer get the time of the first new layer after the first of them, and later on of the layer before them: so does
 * Docker. With an epoch nothing is later than that.
 */
export function datedHistory(history: readonly HistoryEntry[], sourceDateEpoch?: number): HistoryEntry[] {
  const firstUndated = history.findIndex((entry) => entry.created === undefined);
  if (firstUndated < 0) return history.map((entry) => clamped(entry, sourceDateEpoch));
  let time = history.slice(firstUndated).find((entry) => entry.created)?.created ?? history.findLast((entry) => entry.created)?.created;
  return history.map((entry, index) => {
    if (entry.created !== undefined) {
      if (index > firstUndated) time = entry.created;
      return clamped(entry, sourceDateEpoch);
    }
    return clamped(time === undefined ? entry : { created: time, ...entry }, sourceDateEpoch);
  });
}

function clamped(entry: HistoryEntry, sourceDateEpoch: number | undefined): HistoryEntry {
  if (sourceDateEpoch === undefined) return entry;
  const limit = sourceDateEpoch * 1000;
  if (entry.created !== undefined && Date.parse(entry.created) <= limit) return entry;
  return { ...{ created: '' }, ...entry, created: epochText(sourceDateEpoch) };
}

const epochText = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

const GO_ESCAPES: Record<string, string> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026', '\u2028': '\\u2028', '\u2029': '\\u2029' };

/** encoding/json keeps a text harmless within HTML. */
function escapeAsGo(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (character) => GO_ESCAPES[character] as string);
}
