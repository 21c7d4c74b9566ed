import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { GantryError } from '../../../base/index.ts';

/**
 * The recipe of a tar: all its bytes but the content of files, for which it names the file in the unpacked tree. So a layer is
 * on disk once and still comes out bit by bit as it came in. On disk: blocks of [length u32][zstd data]; inside, records
 * of [kind u8][length u32][bytes]: B bytes; F content (size u64, path); D "what was at this path is at displaced/N from here on" (N u32, path).
 */
const BLOCK_BYTES = 256 * 1024;
export type RecipeRecord =
  | { kind: 'bytes'; bytes: Buffer }
  | { kind: 'file'; size: number; path: string }
  | { kind: 'displaced'; number: number; path: string };

const KINDS = { bytes: 0x42, file: 0x46, displaced: 0x44 } as const;

export class RecipeWriter {
  readonly #fd: number;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #used = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'wx', 0o600);
  }

  bytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES / 2) this.#record(KINDS.bytes, bytes.subarray(at, at + BLOCK_BYTES / 2));
  }

  file(path: string, size: number): void {
    const name = Buffer.from(path);
    const data = Buffer.alloc(8 + name.length);
    data.writeBigUInt64LE(BigInt(size), 0);
    name.copy(data, 8);
    this.#record(KINDS.file, data);
  }

  displaced(path: string, number: number): void {
    const name = Buffer.from(path);
    const data = Buffer.alloc(4 + name.length);
    data.writeUInt32LE(number, 0);
    name.copy(data, 4);
    this.#record(KINDS.displaced, data);
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  #record(kind: number, data: Uint8Array): void {
    if (this.#used + 5 + data.length > BLOCK_BYTES) this.#flush();
    this.#block[this.#used] = kind;
    this.#block.writeUInt32LE(data.length, this.#used + 1);
    this.#block.set(data, this.#used + 5);
    this.#used += 5 + data.length;
  }

  #flush(): void {
    if (this.#used === 0) return;
    const packed = zstdCompressSync(this.#block.subarray(0, this.#used));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(packed.length, 0);
    writeAll(this.#fd, length);
    writeAll(this.#fd, packed);
    this.#used = 0;
  }
}

export function* readRecipe(file: string): Generator<RecipeRecord> {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    for (let at = 0; at < size; ) {
      const length = readAll(fd, at, 4, file).readUInt32LE(0);
      yield* records(zstdDecompressSync(readAll(fd, at + 4, length, file), { maxOutputLength: BLOCK_BYTES }));
      at += 4 + length;
    }
  } finally {
    closeSync(fd);
  }
}

function* records(block: Buffer): Generator<RecipeRecord> {
  for (let at = 0; at < block.length; ) {
    const kind = block[at];
    const data = block.subarray(at + 5, at + 5 + block.readUInt32LE(at + 1));
    if (kind === KINDS.bytes) yield { kind: 'bytes', bytes: data };
    else if (kind === KINDS.file) yield { kind: 'file', size: Number(data.readBigUInt64LE(0)), path: data.toString('utf8', 8) };
    else yield { kind: 'displaced', number: data.readUInt32LE(0), path: data.toString('utf8', 4) };
    at += 5 + data.length;
  }
}

function readAll(fd: number, at: number, length: number, file: string): Buffer {
  const data = Buffer.alloc(Math.min(length, 2 * BLOCK_BYTES));
  if (data.length !== length || readSync(fd, data, 0, length, at) !== length) throw new GantryError('internal', `${file} is damaged`);
  return data;
}

export function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) done += writeSync(fd, data, done, data.length - done);
}
