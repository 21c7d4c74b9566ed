/** The closed list of what can go wrong. Each dialect maps kinds to its wire form in one file. */
export type ErrorKind = 'notFound' | 'conflict' | 'invalid' | 'denied' | 'unavailable' | 'unsupported' | 'unchanged' | 'internal';

/**
 * The one error class of the house. `message` is a sentence that names the value at fault;
 * `hint` says what the user can do now; `cause` keeps what was underneath.
 */
export class GantryError extends Error {
  readonly kind: ErrorKind;
  readonly hint?: string;

  constructor(kind: ErrorKind, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GantryError';
    this.kind = kind;
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

export const notFound = (message: string, hint?: string) => new GantryError('notFound', message, hint ? { hint } : {});
export const conflict = (message: string, hint?: string) => new GantryError('conflict', message, hint ? { hint } : {});
export const invalid = (message: string, hint?: string) => new GantryError('invalid', message, hint ? { hint } : {});
export const denied = (message: string, hint?: string) => new GantryError('denied', message, hint ? { hint } : {});
/** What Gantry understood but cannot honour here: names the field. */
export const unsupported = (message: string, hint?: string) => new GantryError('unsupported', message, hint ? { hint } : {});

export function isKind(error: unknown, kind: ErrorKind): boolean {
  return error instanceof GantryError && error.kind === kind;
}

/** The errno name (`ENOENT` …) of a Node or kernel error, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What failed first: leaving a scope with `using` wraps it when the tidying up fails too. */
export function firstFailure(error: unknown): unknown {
  let first = error;
  while (first instanceof SuppressedError) first = first.suppressed;
  return first;
}

/** One line for people: the message, followed by the causes that add something. */
export function describe(error: unknown): string {
  if (error instanceof SuppressedError) return `${describe(error.suppressed)}; and then: ${describe(error.error)}`;
  const parts: string[] = [];
  for (let e: unknown = error; e !== undefined && e !== null && parts.length < 5; e = e instanceof Error ? e.cause : undefined) {
    const text = e instanceof Error ? e.message : String(e);
    if (!parts.some((p) => p.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}
