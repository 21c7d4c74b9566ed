import { CommandFailure } from '../failure.ts';

/** The engine's refusal: HTTP status and its own words. */
export class EngineRefusal extends CommandFailure {
  readonly status: number;
  /** The engine's words without any prefix. */
  readonly reason: string;

  constructor(status: number, reason: string) {
    super(`Error response from daemon: ${reason}`);
    this.name = 'EngineRefusal';
    this.status = status;
    this.reason = reason;
  }
}

/** Nothing answers at the address. */
export class NoEngine extends CommandFailure {
  constructor(address: string, cause: unknown) {
    super(explain(address, cause), 1, cause);
    this.name = 'NoEngine';
  }
}

function explain(address: string, cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  const words = cause instanceof Error ? cause.message : String(cause);
  if (code === 'EACCES' || code === 'EPERM') {
    return `permission denied while trying to connect to the Docker daemon socket at ${address}: ${words}`;
  }
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'ENOTSOCK') {
    return `Cannot connect to the Docker daemon at ${address}. Is gantryd running?`;
  }
  return `error during connect: ${address}: ${words}`;
}

/** The sentence in an error body: `{"message": …}`, or the plain text itself. */
export function refusalText(body: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string')
      return parsed.message.trim();
  } catch {
    // Not JSON: proxies and old engines answer with plain text, which is shown as it is.
  }
  return body.trim() || `the server answered with status ${status} and no explanation`;
}
