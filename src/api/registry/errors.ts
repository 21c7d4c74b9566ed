import { describe, type ErrorKind, firstFailure, GantryError } from '../../base/index.ts';
import { type RegistryCode, RegistryError } from '../../registry/index.ts';

/** Status of each code (distribution-spec 1.1, "Endpoints" and "Error Codes"). */
const STATUS: Record<RegistryCode, number> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
};

/** What failed below the registry, in its words. */
const CODES: Record<ErrorKind, string> = {
  notFound: 'NAME_UNKNOWN',
  conflict: 'DENIED',
  invalid: 'UNSUPPORTED',
  denied: 'DENIED',
  unavailable: 'UNAVAILABLE',
  unsupported: 'UNSUPPORTED',
  unchanged: 'UNKNOWN',
  internal: 'UNKNOWN',
};
const KIND_STATUS: Partial<Record<ErrorKind, number>> = {
  notFound: 404,
  conflict: 409,
  invalid: 400,
  denied: 403,
  unavailable: 503,
  unsupported: 405,
};

export interface Failure {
  status: number;
  code: string;
  message: string;
  detail: Record<string, unknown> | undefined;
}

/** An inner failure is told without its causes: those may name paths of the host, and are for the log. */
export function failureOf(failure: unknown): Failure {
  const error = firstFailure(failure);
  if (error instanceof RegistryError)
    return {
      status: STATUS[error.code],
      code: error.code,
      message: error.message,
      detail: Object.keys(error.detail).length > 0 ? error.detail : undefined,
    };
  if (error instanceof GantryError && KIND_STATUS[error.kind] !== undefined)
    return { status: KIND_STATUS[error.kind] ?? 500, code: CODES[error.kind], message: error.message, detail: undefined };
  return { status: 500, code: 'UNKNOWN', message: 'the registry failed; its log says why', detail: undefined };
}

export function errorBody(code: string, message: string, detail?: unknown): string {
  return `${JSON.stringify({ errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] })}\n`;
}

/** The client is gone: there is nobody to tell. */
export function isAbort(error: unknown): boolean {
  const text = describe(error);
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return (
    (error instanceof Error && error.name === 'AbortError') ||
    code === 'ECONNRESET' ||
    code === 'ERR_STREAM_PREMATURE_CLOSE' ||
    text === 'aborted'
  );
}
