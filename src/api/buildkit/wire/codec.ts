import { invalid } from '../../../base/index.ts';

/**
 * Protocol Buffers, proto3, as far as BuildKit's messages need it: each message is a table of fields, written once, that
 * encodes, decodes and gives the TypeScript type. Zero values are left out, unknown fields are skipped.
 */
export interface Field<T> {
  number: number;
  initial(): T;
  write(writer: Writer, value: T): void;
  /** Takes the value before it, since repeated fields gather and messages merge. */
  read(reader: Reader, wire: number, before: T): T;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds fields of all types
export type Fields = Record<string, Field<any>>;
export type Values<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** What is needed to write a message: absent fields are zero. */
export type Sparse<T> = T extends string | number | bigint | boolean | Uint8Array | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly Sparse<U>[]
    : { readonly [K in keyof T]?: Sparse<T[K]> | undefined };

export interface Message<T> {
  encode(value: Sparse<T>): Buffer;
  /** Byte fields are views into `data`. Fails with `invalid` for what is no such message. */
  decode(data: Uint8Array): T;
}
export type Decoded<M> = M extends Message<infer T> ? T : never;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Messages may hold messages; nothing of BuildKit's is deeper than a dozen. */
const DEEPEST = 50;

const malformed = (why: string) => invalid(`malformed protobuf message: ${why}`);

export class Reader {
  readonly data: Buffer;
  readonly depth: number;
  offset = 0;

  constructor(data: Uint8Array, depth = 0) {
    if (depth > DEEPEST) throw malformed(`nested deeper than ${DEEPEST}`);
    this.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.depth = depth;
  }

  varint(): number {
    const value = this.bigVarint();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`number ${value} is too large here`);
    return Number(value);
  }

  bigVarint(): bigint {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed('a number of more than ten bytes');
  }

  bytes(): Buffer {
    const length = this.varint();
    if (length > this.data.length - this.offset) throw malformed('it ends in the middle of a field');
    this.offset += length;
    return this.data.subarray(this.offset - length, this.offset);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.bigVarint();
    else if (wire === BYTES) this.bytes();
    else if (wire === FIXED64) this.offset += 8;
    else if (wire === FIXED32) this.offset += 4;
    else throw malformed(`wire type ${wire}`);
    if (this.offset > this.data.length) throw malformed('it ends in the middle of a field');
  }

  #byte(): number {
    const byte = this.data[this.offset];
    if (byte === undefined) throw malformed('it ends in the middle of a number');
    this.offset += 1;
    return byte;
  }
}

export class Writer {
  readonly #parts: Uint8Array[] = [];
  #small: number[] = [];

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#small.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#small.push(rest);
  }

  bigVarint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#small.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#small.push(Number(rest));
  }

  bytes(data: Uint8Array): void {
    this.varint(data.length);
    this.#parts.push(Buffer.from(this.#small), data);
    this.#small = [];
  }

  finish(): Buffer {
    return Buffer.concat([...this.#parts, Buffer.from(this.#small)]);
  }
}

/** One plain value on the wire. */
interface Scalar<T> {
  wire: number;
  zero: T;
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
}

const STRING: Scalar<string> = {
  wire: BYTES,
  zero: '',
  write: (writer, value) => writer.bytes(Buffer.from(value, 'utf8')),
  read: (reader) => reader.bytes().toString('utf8'),
};
const DATA: Scalar<Uint8Array> = {
  wire: BYTES,
  zero: Buffer.alloc(0),
  write: (writer, value) => writer.bytes(value),
  read: (reader) => reader.bytes(),
};
const FLAG: Scalar<boolean> = {
  wire: VARINT,
  zero: false,
  write: (writer, value) => writer.varint(value ? 1 : 0),
  read: (reader) => reader.bigVarint() !== 0n,
};
/** int32, uint32 and enums. Negative ones fill ten bytes. */
const NUMBER: Scalar<number> = {
  wire: VARINT,
  zero: 0,
  write: (writer, value) => (value < 0 ? writer.bigVarint(BigInt(value)) : writer.varint(value)),
  read: (reader) => Number(BigInt.asIntN(64, reader.bigVarint())),
};
const LONG: Scalar<bigint> = {
  wire: VARINT,
  zero: 0n,
  write: (writer, value) => writer.bigVarint(value),
  read: (reader) => BigInt.asIntN(64, reader.bigVarint()),
};

const isZero = (value: unknown) => !value || (value instanceof Uint8Array && value.length === 0);

function single<T>(number: number, scalar: Scalar<T>): Field<T> {
  return {
    number,
    initial: () => scalar.zero,
    write(writer, value) {
      if (isZero(value)) return;
      writer.tag(number, scalar.wire);
      scalar.write(writer, value);
    },
    read(reader, wire) {
      if (wire !== scalar.wire) throw malformed(`field ${number} has wire type ${wire}`);
      return scalar.read(reader);
    },
  };
}

export const string = (number: number) => single(number, STRING);
export const bytes = (number: number) => single(number, DATA);
export const bool = (number: number) => single(number, FLAG);
export const integer = (number: number) => single(number, NUMBER);
export const long = (number: number) => single(number, LONG);

function many<T>(number: number, scalar: Scalar<T>): Field<T[]> {
  return {
    number,
    initial: () => [],
    write(writer, values) {
      for (const value of values) {
        writer.tag(number, scalar.wire);
        scalar.write(writer, value);
      }
    },
    read(reader, wire, before) {
      if (wire !== scalar.wire) throw malformed(`field ${number} has wire type ${wire}`);
      before.push(scalar.read(reader));
      return before;
    },
  };
}

export const strings = (number: number) => many(number, STRING);
export const blobs = (number: number) => many(number, DATA);

function nested<T>(type: Message<T>): Scalar<T> {
  return {
    wire: BYTES,
    zero: undefined as T,
    write: (writer, value) => writer.bytes(type.encode(value as Sparse<T>)),
    read: (reader) => (type as TableMessage<T>).decodeAt(reader.bytes(), reader.depth + 1),
  };
}

/** A message inside a message: undefined when it is absent. */
export const one = <T>(number: number, type: Message<T>) => single<T | undefined>(number, nested(type) as Scalar<T | undefined>);
export const repeated = <T>(number: number, type: Message<T>) => many<T>(number, nested(type));

function mapOf<T>(number: number, value: Field<T>): Field<Record<string, T>> {
  const entry = message({ key: string(1), value });
  return {
    number,
    // Keys come from outside: '__proto__' is one like any other.
    initial: () => Object.create(null) as Record<string, T>,
    write(writer, values) {
      for (const key of Object.keys(values)) {
        writer.tag(number, BYTES);
        writer.bytes(entry.encode({ key, value: values[key] } as Parameters<typeof entry.encode>[0]));
      }
    },
    read(reader, wire, before) {
      if (wire !== BYTES) throw malformed(`field ${number} has wire type ${wire}`);
      const pair = entry.decode(reader.bytes()) as { key: string; value: T };
      before[pair.key] = pair.value;
      return before;
    },
  };
}

export const stringMap = (number: number) => mapOf(number, string(2));
export const bytesMap = (number: number) => mapOf(number, bytes(2));
export const messageMap = <T>(number: number, type: Message<T>) => mapOf(number, one(2, type));

interface TableMessage<T> extends Message<T> {
  decodeAt(data: Uint8Array, depth: number): T;
}

export function message<F extends Fields>(fields: F): Message<Values<F>> {
  const byNumber = new Map(Object.entries(fields).map(([name, field]) => [field.number, { name, field }]));
  const type: TableMessage<Values<F>> = {
    encode(value) {
      const writer = new Writer();
      for (const { name, field } of byNumber.values()) {
        const given = (value as Readonly<Record<string, unknown>>)[name];
        if (given !== undefined) field.write(writer, given);
      }
      return writer.finish();
    },
    decode: (data) => type.decodeAt(data, 0),
    decodeAt(data, depth) {
      const value: Record<string, unknown> = {};
      for (const { name, field } of byNumber.values()) value[name] = field.initial();
      const reader = new Reader(data, depth);
      while (reader.offset < reader.data.length) {
        const tag = reader.varint();
        const known = byNumber.get(Math.floor(tag / 8));
        if (known) value[known.name] = known.field.read(reader, tag % 8, value[known.name]);
        else reader.skip(tag % 8);
      }
      return value as Values<F>;
    },
  };
  return type;
}
