import { describe, type ErrorKind, firstFailure, GantryError } from '../../base/index.ts';

/** The one place where kinds of errors become statuses of the Docker API. */
const STATUS: Record<ErrorKind, number> = {
  notFound: 404,
  conflict: 409,
  invalid: 400,
  denied: 403,
  unavailable: 503,
  unsupported: 501,
  unchanged: 304,
  internal: 500,
};

export interface Failure {
  status: number;
  message: string;
}

export function failureOf(failure: unknown): Failure {
  const error = firstFailure(failure);
  if (error instanceof GantryError) return { status: STATUS[error.kind], message: withHint(error) };
  return { status: 500, message: describe(error) };
}

/**
 * Docker has one field for text, so the hint joins the sentence. A sentence stands for itself; only where something
 * broke that the client has no part in, the causes below it are told too.
 */
function withHint(error: GantryError): string {
  const broken = error.kind === 'internal' || error.kind === 'unavailable';
  const text = broken ? describe(error) : error.message;
  if (error.hint === undefined) return text;
  return `${text}${/[.!?]$/.test(text) ? '' : '.'} ${error.hint}`;
}

/** 125, 126 or 127 when the container's own command could not be run; undefined for every other failure. */
export function startFailureCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('exitCode' in error)) return undefined;
  return typeof error.exitCode === 'number' ? error.exitCode : undefined;
}

/** The client is gone: there is nobody to tell. */
export function isAbort(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  if (error.name === 'AbortError' || code === 'ABORT_ERR' || code === 'ERR_STREAM_PREMATURE_CLOSE') return true;
  // The body of a request broke off.
  return code === 'ECONNRESET' && error.message === 'aborted';
}
