/**
 * The wire form of netlink messages: header, fixed part, then attributes of type, length and value, each padded to
 * four bytes. Numbers are in the order of the machine; both that we run on are little-endian. Source: netlink(7), rtnetlink(7).
 */
export type AttributeValue = number | string | Uint8Array;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_DUMP = 0x300;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const HEADER = 16;
const padded = (length: number) => (length + 3) & ~3;

export interface Message {
  type: number;
  flags: number;
  body: Uint8Array;
}

/** One message with its header. `sequence` comes back in the kernel's answer. */
export function encodeMessage({ type, flags, body }: Message, sequence: number): Buffer {
  const buffer = Buffer.alloc(padded(HEADER + body.length));
  buffer.writeUInt32LE(HEADER + body.length, 0);
  buffer.writeUInt16LE(type, 4);
  buffer.writeUInt16LE(flags, 6);
  buffer.writeUInt32LE(sequence, 8);
  buffer.set(body, HEADER);
  return buffer;
}

/** A number becomes 32 bits, a string ends with a zero byte. */
export function attribute(type: number, value: AttributeValue): Buffer {
  const bytes = typeof value === 'number' ? uint32(value) : typeof value === 'string' ? Buffer.from(`${value}\0`) : value;
  const buffer = Buffer.alloc(padded(4 + bytes.length));
  buffer.writeUInt16LE(4 + bytes.length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(bytes, 4);
  return buffer;
}

const NLA_F_NESTED = 0x8000;

/** An attribute that holds attributes. Netfilter insists on the flag, and the rest of the kernel takes it too. */
export function nested(type: number, ...parts: readonly Uint8Array[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

export function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
}

export interface Received {
  type: number;
  sequence: number;
  body: Buffer;
}

/** The messages of one datagram. */
export function decodeMessages(datagram: Buffer): Received[] {
  const messages: Received[] = [];
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER, at + length),
    });
    at += padded(length);
  }
  return messages;
}

/** Attributes by type, from `offset` (the length of the fixed part) on. Flags in the upper two bits of a type are dropped. */
export function decodeAttributes(body: Buffer, offset: number): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = offset; at + 4 <= body.length; ) {
    const length = body.readUInt16LE(at);
    if (length < 4 || at + length > body.length) break;
    attributes.set(body.readUInt16LE(at + 2) & 0x3fff, body.subarray(at + 4, at + length));
    at += padded(length);
  }
  return attributes;
}

export function textOf(value: Buffer | undefined): string {
  return value === undefined ? '' : value.toString('utf8').replace(/\0+$/, '');
}
