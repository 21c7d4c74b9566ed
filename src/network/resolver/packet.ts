/** Messages of the domain name system in their wire form: as much of it as a resolver for containers needs. Sources: RFC 1035, RFC 6891. */

export const TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const CODE = { formatError: 1, serverFailure: 2, notImplemented: 4, refused: 5, badVersion: 16 } as const;
export const CLASS_INTERNET = 1;

const HEADER = 12;
const FLAG = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 } as const;
const OPERATION_MASK = 0x7800;
const MOST_NAME_BYTES = 255;
/** What a client takes by UDP that does not say, RFC 1035 4.2.1. */
const PLAIN_BYTES = 512;
/** More is cut off even if the client takes it: it asks again by TCP. */
const MOST_BYTES = 4096;
/** Where each answer's name is: in the question. */
const NAME_OF_QUESTION = 0xc000 | HEADER;

export interface Query {
  id: number;
  recursionDesired: boolean;
  /** In lower case, without the dot at the end. A dot inside of a label is written `\.`, so that it is never taken for one between labels. */
  name: string;
  type: number;
  class: number;
  /** The question as it was asked, letter case included. */
  question: Buffer;
  /** Bytes that the client takes by UDP. */
  room: number;
  /** Whether it speaks of extensions, so that the answer must. */
  extended: boolean;
}

/** A query; what to answer to one that cannot be served; nothing to what must not be answered at all. */
export function readQuery(packet: Buffer): Query | { refusal: Buffer } | undefined {
  if (packet.length < HEADER) return undefined;
  const flags = packet.readUInt16BE(2);
  // To answer an answer would make two servers talk for ever.
  if (flags & FLAG.response) return undefined;
  if (flags & OPERATION_MASK) return { refusal: refuse(packet, CODE.notImplemented) };
  const question = packet.readUInt16BE(4) === 1 ? readQuestion(packet) : undefined;
  if (!question) return { refusal: refuse(packet, CODE.formatError) };
  const { name, end } = question;
  const options = readOptions(packet, end);
  if (options === 'malformed') return { refusal: refuse(packet, CODE.formatError) };
  const query: Query = {
    id: packet.readUInt16BE(0),
    recursionDesired: (flags & FLAG.recursionDesired) !== 0,
    name,
    type: packet.readUInt16BE(end - 4),
    class: packet.readUInt16BE(end - 2),
    question: packet.subarray(HEADER, end),
    room: Math.min(Math.max(options?.room ?? PLAIN_BYTES, PLAIN_BYTES), MOST_BYTES),
    extended: options !== undefined,
  };
  return options && options.version > 0 ? { refusal: writeAnswer(query, { code: CODE.badVersion, answers: [] }, query.room) } : query;
}

/** The name of the one question, and where the question ends. */
function readQuestion(packet: Buffer): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let at = HEADER;
  for (;;) {
    const length = packet[at];
    // Longer ones are pointers, which have nothing to point to yet.
    if (length === undefined || length > 63 || at + 1 + length - HEADER > MOST_NAME_BYTES) return undefined;
    if (length === 0) break;
    if (at + 1 + length > packet.length) return undefined;
    const label = packet.toString('latin1', at + 1, at + 1 + length);
    labels.push(label.includes('.') || label.includes('\\') ? label.replace(/[.\\]/g, '\\$&') : label);
    at += 1 + length;
  }
  const end = at + 5;
  return end > packet.length ? undefined : { name: labels.join('.').toLowerCase(), end };
}

/** The pseudo-record of extensions among the records after the question; undefined when there is none. */
function readOptions(packet: Buffer, from: number): { room: number; version: number } | 'malformed' | undefined {
  const records = packet.readUInt16BE(6) + packet.readUInt16BE(8) + packet.readUInt16BE(10);
  let at = from;
  let found: { room: number; version: number } | undefined;
  for (let count = 0; count < records; count += 1) {
    const start = skipName(packet, at);
    if (start === undefined || start + 10 > packet.length) return 'malformed';
    if (packet.readUInt16BE(start) === TYPE.OPT) {
      if (found) return 'malformed';
      found = { room: packet.readUInt16BE(start + 2), version: packet.readUInt8(start + 5) };
    }
    at = start + 10 + packet.readUInt16BE(start + 8);
    if (at > packet.length) return 'malformed';
  }
  return found;
}

function skipName(packet: Buffer, from: number): number | undefined {
  for (let at = from; ; ) {
    const length = packet[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += 1 + length;
  }
}

/** An answer without a question: it could not be read, or is of no kind that is served. */
function refuse(packet: Buffer, code: number): Buffer {
  const header = Buffer.alloc(HEADER);
  const flags = packet.readUInt16BE(2);
  header.writeUInt16BE(packet.readUInt16BE(0), 0);
  header.writeUInt16BE(FLAG.response | (flags & (OPERATION_MASK | FLAG.recursionDesired)) | FLAG.recursionAvailable | code, 2);
  return header;
}

export interface Answer {
  /** 0 for success. */
  code: number;
  /** Contents of the records, all of the type that was asked for or told here. */
  answers: readonly { type: number; data: Uint8Array }[];
}

/** An answer of at most `room` bytes. What does not fit is left out, and the client told to ask by TCP. Nobody may keep it: addresses come and go. */
export function writeAnswer(query: Query, { code, answers }: Answer, room: number): Buffer {
  const options = query.extended ? optionsRecord(code >> 4) : Buffer.alloc(0);
  const parts: Buffer[] = [];
  let size = HEADER + query.question.length + options.length;
  for (const { type, data } of answers) {
    if (size + 12 + data.length > room) break;
    parts.push(record(type, data));
    size += 12 + data.length;
  }
  const header = Buffer.alloc(HEADER);
  const truncated = parts.length < answers.length ? FLAG.truncated : 0;
  const desired = query.recursionDesired ? FLAG.recursionDesired : 0;
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(FLAG.response | truncated | desired | FLAG.recursionAvailable | (code & 15), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(parts.length, 6);
  header.writeUInt16BE(query.extended ? 1 : 0, 10);
  return Buffer.concat([header, query.question, ...parts, options]);
}

function record(type: number, data: Uint8Array): Buffer {
  const buffer = Buffer.alloc(12 + data.length);
  buffer.writeUInt16BE(NAME_OF_QUESTION, 0);
  buffer.writeUInt16BE(type, 2);
  buffer.writeUInt16BE(CLASS_INTERNET, 4);
  buffer.writeUInt16BE(data.length, 10);
  buffer.set(data, 12);
  return buffer;
}

function optionsRecord(codeAbove: number): Buffer {
  const buffer = Buffer.alloc(11);
  buffer.writeUInt16BE(TYPE.OPT, 1);
  buffer.writeUInt16BE(MOST_BYTES, 3);
  buffer.writeUInt8(codeAbove, 5);
  return buffer;
}

/** A name as records hold it. Labels that are too long are cut. */
export function encodeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label).subarray(0, 63);
    return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
  });
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

/** Whether `packet` answers this query, by its question: the other half of what protects from forged answers. */
export function answersQuestion(packet: Buffer, question: Buffer): boolean {
  if (packet.length < HEADER || !(packet.readUInt16BE(2) & FLAG.response)) return false;
  // A server that could not read the question may leave it out.
  return packet.readUInt16BE(4) === 0 || packet.subarray(HEADER, HEADER + question.length).equals(question);
}

/** The outcome that an answer tells, 0 for success. */
export const codeOf = (packet: Buffer) => packet.readUInt16BE(2) & 15;
