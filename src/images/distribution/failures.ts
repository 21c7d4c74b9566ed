import { GantryError } from '../../base/index.ts';
import { parseChallenges } from './challenge.ts';
import { describeRequest, type RegistryResponse, readBody } from './transport.ts';

/** An answer of a registry other than success, with its code (distribution-spec, "Error Codes"). */
export class RegistryError extends GantryError {
  readonly status: number;
  /** `MANIFEST_UNKNOWN`, `DENIED` …; empty when the registry did not say. */
  readonly code: string;
  /** The registry's words in Docker's form, such as `manifest unknown: manifest unknown`. */
  readonly said: string;
  /** Milliseconds that the registry asks us to wait, if it does. */
  readonly retryAfter: number | undefined;

  constructor(request: string, answer: { status: number; code: string; said: string; retryAfter: number | undefined }) {
    const kind = answer.status === 401 || answer.status === 403 ? 'denied' : answer.status === 404 ? 'notFound' : 'unavailable';
    super(kind, `${request}: ${answer.said}`);
    this.status = answer.status;
    this.code = answer.code;
    this.said = answer.said;
    this.retryAfter = answer.retryAfter;
  }
}

/** The registry no longer takes the token that a streamed request came with: with a new one it may. */
export class TokenExpired extends RegistryError {
  constructor({ message, status, code, said, retryAfter }: RegistryError) {
    super(message.slice(0, -said.length - 2), { status, code, said, retryAfter });
  }
}

const MOST_ERROR_BYTES = 64 * 1024;
/** Longer texts of a registry are cut: they end up on a terminal. */
const MOST_CHARACTERS = 500;

/** Reads a failing answer to its end and makes the error of it. */
export async function registryFailure(response: RegistryResponse, request: { method: string; url: URL }): Promise<RegistryError> {
  const { status, headers } = response;
  const text = await readBody(response, MOST_ERROR_BYTES).then(
    (body) => body.toString('utf8'),
    () => '',
  );
  let { code, said } = parseErrors(text) ?? bare(status);
  const insufficient = parseChallenges(headers['www-authenticate']).some(
    (challenge) => challenge.parameters['error'] === 'insufficient_scope',
  );
  // A token was given, and it does not open this: that is a refusal, not a request to log in.
  if (status === 401 && insufficient) [code, said] = ['DENIED', 'denied: requested access to the resource is denied'];
  return new RegistryError(describeRequest(request), {
    status,
    code,
    said: printable(said),
    retryAfter: retryAfter(headers['retry-after'], headers.date),
  });
}

function parseErrors(text: string): { code: string; said: string } | undefined {
  try {
    const value = JSON.parse(text) as { errors?: unknown; details?: unknown; message?: unknown };
    const first: unknown = Array.isArray(value.errors) ? value.errors[0] : undefined;
    if (typeof first === 'object' && first !== null && 'code' in first && typeof first.code === 'string') {
      const message = 'message' in first && typeof first.message === 'string' ? first.message : '';
      return {
        code: first.code.toUpperCase(),
        said: `${first.code.toLowerCase().replaceAll('_', ' ')}: ${message || first.code.toLowerCase().replaceAll('_', ' ')}`,
      };
    }
    const message = [value.details, value.message].find((part) => typeof part === 'string' && part !== '');
    if (typeof message === 'string') return { code: '', said: message };
  } catch {
    // Not JSON: the status has to speak for itself.
  }
  return undefined;
}

function bare(status: number): { code: string; said: string } {
  if (status === 401) return { code: 'UNAUTHORIZED', said: 'unauthorized: authentication required' };
  if (status === 403) return { code: 'DENIED', said: 'denied: requested access to the resource is denied' };
  if (status === 404) return { code: '', said: 'not found' };
  if (status === 429) return { code: 'TOOMANYREQUESTS', said: 'toomanyrequests: too many requests' };
  return { code: '', said: `received unexpected HTTP status ${status}` };
}

/** A registry's text ends up on terminals: no control characters. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, MOST_CHARACTERS);
}

/** RFC 9110, section 10.2.3: seconds, or a date, which is compared with the server's own clock. */
function retryAfter(value: string | undefined, date: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const wait = Date.parse(value) - Date.parse(date ?? '');
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/**
 * The sentence that Docker's clients know for a failed pull of `reference` (familiar form). Other errors stay as they are.
 * Without the cause: it says the same again, and clients look at the whole text.
 */
export function pullFailure(error: unknown, reference: { name: string; full: string }): unknown {
  if (!(error instanceof RegistryError)) return error;
  const told = (message: string) => new GantryError('notFound', `${message}: ${error.said}`);
  if (error.code === 'DENIED' || (error.status === 403 && error.code === ''))
    return told(`pull access denied for ${reference.name}, repository does not exist or may require 'docker login'`);
  if (error.code === 'MANIFEST_UNKNOWN' || error.code === 'NOT_FOUND') return told(`manifest for ${reference.full} not found`);
  if (error.code === 'NAME_UNKNOWN') return told(`repository ${reference.name} not found`);
  if (error.status === 404 && error.code === '')
    return new GantryError('notFound', `manifest for ${reference.full} not found: manifest unknown: the registry has no such manifest`);
  return error;
}

/** The words that Docker has for a push that the registry refused. */
export function pushFailure(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  if (error.code === 'DENIED' || error.code === 'UNAUTHORIZED' || error.status === 403) return new GantryError('denied', error.said);
  return error;
}
