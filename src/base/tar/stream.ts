import { TarDecoder } from './decode.ts';
import type { TarHeader } from './header.ts';

export interface TarStreamEntry {
  header: TarHeader;
  /** The content; what is not read is skipped when the next entry is asked for. */
  content: AsyncGenerator<Uint8Array>;
}

type Told = { header: TarHeader } | { data: Uint8Array } | { end: true };

/** The entries of a tar, one after the other, as its source delivers it; content passes through, it is never gathered. */
export async function* tarEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarStreamEntry> {
  const told: Told[] = [];
  const decoder = new TarDecoder({
    entry: (header) => told.push({ header }),
    data: (chunk) => told.push({ data: chunk }),
    end: () => told.push({ end: true }),
  });
  const input = source[Symbol.asyncIterator]();
  const next = async (): Promise<Told | undefined> => {
    while (told.length === 0) {
      const chunk = await input.next();
      if (chunk.done) {
        decoder.finish();
        return undefined;
      }
      decoder.write(chunk.value);
    }
    return told.shift();
  };
  async function* content(): AsyncGenerator<Uint8Array> {
    for (let item = await next(); item && !('end' in item); item = await next()) if ('data' in item) yield item.data;
    ended = true;
  }
  let ended = true;
  try {
    for (let item = await next(); item; item = await next()) {
      if (!('header' in item)) continue;
      ended = false;
      yield { header: item.header, content: content() };
      // Whatever part of the content nobody read.
      while (!ended) {
        const skipped = await next();
        if (!skipped || 'end' in skipped) ended = true;
      }
    }
  } finally {
    await input.return?.();
  }
}
