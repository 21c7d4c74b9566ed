/**
 * Who asks the registry, and may they? Users, teams, robots and rules are rows of the registry's store (`RegistryAccess`). Without
 * users, robots and rules the registry is open: everybody may do everything, except move an immutable tag.
 *
 * Promises: a password or a robot's token is never kept, only what proves it; a change made by another process (the command line)
 * counts at the next request, for tokens that are out too; every refusal has a sentence that says which rule, or which missing
 * rule, it rests on.
 */
export interface Access {
  /** Who the `Authorization` header speaks for. Basic (user or robot) and Bearer (a token of ours). `from` is the client's address. */
  authenticate(authorization: string | undefined, from: string): Promise<Authentication>;
  /** May this identity do this? Also the tag is looked at when given: immutable tags refuse `overwrite` and `delete`. */
  authorize(identity: Identity, wish: Wish): Promise<Verdict>;
  /** The value of the `WWW-Authenticate` header that goes with each 401. `base` is how the client sees us: `https://host:port`. */
  challenge(base: string, scopes?: readonly Scope[], error?: 'invalid_token' | 'insufficient_scope'): string;
  /** The `/token` endpoint (distribution token spec: GET, and POST with OAuth2's password and refresh_token grants). */
  token(request: TokenRequest): Promise<TokenReply>;
}

export type Action = 'pull' | 'push' | 'delete' | 'catalog';

export type Wish =
  /** `/v2/` itself: refused to those without credentials unless the registry is open, so that clients learn where tokens come from. */
  | { action: 'ping' }
  | { action: 'catalog' }
  | {
      action: 'pull' | 'push' | 'delete';
      repository: string;
      tag?: string;
      /** The tag exists and points to another digest now: only then an immutable tag stands in the way of a push. */
      overwrite?: boolean;
    };

export interface Scope {
  type: 'repository' | 'registry';
  name: string;
  /** `pull`, `push`, `delete`, `*`. */
  actions: string[];
}

/** Somebody as far as credentials prove it. `grants`, where present, bounds what the rules allow. */
export interface Identity {
  kind: 'anonymous' | 'user' | 'robot';
  /** The user's or robot's name; empty for anonymous. */
  name: string;
  /** What a token of the token endpoint was issued for: what it lacks is answered with 401 and a challenge, as a new token may have it. */
  grants?: readonly Scope[];
}

export type Authentication =
  | { identity: Identity }
  /** 401 goes out with `challenge(…, error)`, 429 with `Retry-After`. */
  | { refused: string; status: 401; error?: 'invalid_token' }
  | { refused: string; status: 429; retryAfterSeconds: number };

/** `status` 401 goes out with a challenge for `scopes`; 403 as DENIED. `reason` is one sentence for people. */
export type Verdict =
  | { allowed: true; reason: string }
  | { allowed: false; reason: string; status: 401 | 403; scopes: Scope[]; error?: 'insufficient_scope' };

export interface TokenRequest {
  method: 'GET' | 'POST';
  authorization: string | undefined;
  /** The query of a GET, the form of a POST. */
  parameters: URLSearchParams;
  from: string;
}

/** To be sent as JSON, with these headers. */
export interface TokenReply {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}
