import { describe, type ErrorKind, firstFailure, GantryError } from '../../../base/index.ts';
import { RpcStatus } from '../wire/control.ts';

/** Codes of gRPC that are used here. */
export const CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalid: 3,
  notFound: 5,
  denied: 7,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** `typeUrl` names the words, `value` is JSON (BuildKit packs its details so, not as protobuf). */
export interface Detail {
  typeUrl: string;
  value: Uint8Array;
}

export interface Status {
  code: number;
  message: string;
  details: readonly Detail[];
}

/** A failure that came with a gRPC status, or goes out with one. */
export class StatusError extends GantryError {
  readonly status: Status;

  constructor(status: Status) {
    super(kindOf(status.code), status.message || `gRPC code ${status.code}`);
    this.name = 'StatusError';
    this.status = status;
  }
}

export const unimplemented = (method: string) =>
  new StatusError({ code: CODE.unimplemented, message: `${method} is not supported`, details: [] });

export function kindOf(code: number): ErrorKind {
  if (code === CODE.notFound) return 'notFound';
  if (code === CODE.invalid) return 'invalid';
  if (code === CODE.denied || code === CODE.unauthenticated) return 'denied';
  if (code === CODE.unimplemented) return 'unsupported';
  return code === CODE.unavailable ? 'unavailable' : 'internal';
}

/**
 * The one place where failures become statuses. As with dockerd they are 'unknown', but for what was cancelled: clients would put the
 * name of any other code before the sentence.
 */
export function statusOf(failure: unknown, details: (error: unknown) => readonly Detail[] = () => []): Status {
  const error = firstFailure(failure);
  if (error instanceof StatusError) return error.status;
  if (error instanceof Error && error.name === 'AbortError') return { code: CODE.cancelled, message: 'context canceled', details: [] };
  return { code: CODE.unknown, message: messageOf(error), details: details(error) };
}

/** Bytes of a message: it travels in one header with its details, percent-encoded, and HTTP/2 takes 64 KiB. */
const MESSAGE_ROOM = 8 * 1024;

function messageOf(error: unknown): string {
  const hint = error instanceof GantryError && error.hint !== undefined ? ` (${error.hint})` : '';
  const message = (error instanceof GantryError ? error.message : describe(error)) + hint;
  const bytes = Buffer.from(message);
  return bytes.length <= MESSAGE_ROOM ? message : `${bytes.subarray(0, MESSAGE_ROOM).toString()}…`;
}

export function trailersOf(status: Status): Record<string, string> {
  const trailers: Record<string, string> = { 'grpc-status': String(status.code) };
  if (status.message) trailers['grpc-message'] = percentEncoded(status.message);
  if (status.details.length > 0) trailers['grpc-status-details-bin'] = RpcStatus.encode(status).toString('base64').replace(/=+$/, '');
  return trailers;
}

/** Undefined when there are none, as in a head that is not the end. */
export function statusFrom(headers: Record<string, string | string[] | number | undefined>): Status | undefined {
  const code = headers['grpc-status'];
  if (code === undefined) return undefined;
  const message = headers['grpc-message'];
  return { code: Number(code), message: typeof message === 'string' ? percentDecoded(message) : '', details: [] };
}

/** Bytes that are not printable ASCII, and the percent sign, as %XX. */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8'))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}

function percentDecoded(text: string): string {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
