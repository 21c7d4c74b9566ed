import { type ErrorKind, GantryError } from '../base/index.ts';

/** The codes of the distribution specification 1.1, and RANGE_INVALID, which Docker's registry has beside them. */
export type RegistryCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'RANGE_INVALID'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'UNAVAILABLE';

const KINDS: Partial<Record<RegistryCode, ErrorKind>> = {
  BLOB_UNKNOWN: 'notFound',
  BLOB_UPLOAD_UNKNOWN: 'notFound',
  MANIFEST_BLOB_UNKNOWN: 'notFound',
  MANIFEST_UNKNOWN: 'notFound',
  NAME_UNKNOWN: 'notFound',
  UNAUTHORIZED: 'denied',
  DENIED: 'denied',
  UNSUPPORTED: 'unsupported',
  TOOMANYREQUESTS: 'unavailable',
  UNAVAILABLE: 'unavailable',
};

/** A refusal with the code that clients look at, and the values at fault as `detail`. */
export class RegistryError extends GantryError {
  readonly code: RegistryCode;
  readonly detail: Record<string, unknown>;

  constructor(code: RegistryCode, message: string, detail: Record<string, unknown> = {}) {
    super(KINDS[code] ?? 'invalid', message);
    this.code = code;
    this.detail = detail;
  }
}
