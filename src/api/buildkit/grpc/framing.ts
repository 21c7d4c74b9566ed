import { invalid } from '../../../base/index.ts';

/** The largest message either side may send, as in BuildKit. */
export const MAXIMUM_MESSAGE = 16 * 1024 * 1024;
const PREFIX = 5;

/** A message as gRPC has it on the stream: a byte for compression (none), four for the length, the message. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX);
  return framed;
}

/** The messages in a stream of bytes. Fails with `invalid` for what is too large, compressed, or ends too early. */
export async function* unframe(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let chunks: Uint8Array[] = [];
  let held = 0;
  let needed = PREFIX;
  for await (const chunk of source) {
    chunks.push(chunk);
    held += chunk.length;
    if (held < needed) continue;
    let rest = chunks.length === 1 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat(chunks);
    for (needed = lengthOf(rest); rest.length >= needed; needed = lengthOf(rest)) {
      yield rest.subarray(PREFIX, needed);
      rest = rest.subarray(needed);
    }
    chunks = [rest];
    held = rest.length;
  }
  if (held > 0) throw invalid('a gRPC message was cut off');
}

/** Bytes of the message at the front with its prefix, or of the prefix alone while that is not there. */
function lengthOf(data: Buffer): number {
  if (data.length < PREFIX) return PREFIX;
  if (data[0] !== 0) throw invalid('a gRPC message is compressed, which was not offered');
  const length = data.readUInt32BE(1);
  if (length > MAXIMUM_MESSAGE) throw invalid(`a gRPC message of ${length} bytes is larger than ${MAXIMUM_MESSAGE}`);
  return PREFIX + length;
}
