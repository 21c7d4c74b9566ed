import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isKind } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import type { Scope } from './access.ts';

const KEY = 'registry.key';
const HEADER = encode({ alg: 'HS256', typ: 'JWT' });
const LONGEST = 64 * 1024;

/** What a token says (distribution's token specification, "JWT"). Times are seconds since the epoch. */
export interface Claims {
  /** `access` opens repositories for minutes, `refresh` only gets new tokens. */
  use: 'access' | 'refresh';
  /** User or robot; empty: anonymous. */
  sub: string;
  /** Changes with the password or the robot's secret, so that older tokens end. */
  stamp: string;
  access: Scope[];
  iat: number;
  exp: number;
}

/** Signs and reads tokens. Issuer and verifier are one, so the signature is an HMAC with a key that never leaves the store. */
export class TokenSigner {
  readonly #key: Buffer;

  /** The key is made by whoever comes first. */
  static async open(store: Store): Promise<TokenSigner> {
    const found = await store.get<{ secret: string }>(KEY, 'tokens');
    if (found) return new TokenSigner(Buffer.from(found.value.secret, 'base64'));
    try {
      await store.create(KEY, 'tokens', { secret: randomBytes(32).toString('base64') });
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
    }
    return TokenSigner.open(store);
  }

  constructor(key: Buffer) {
    this.#key = key;
  }

  sign(claims: Claims): string {
    const body = `${HEADER}.${encode({ iss: 'gantry', aud: SERVICE, jti: randomBytes(9).toString('base64url'), ...claims })}`;
    return `${body}.${this.#signature(body).toString('base64url')}`;
  }

  /** The claims, or why the token is none that counts now. */
  read(token: string, use: Claims['use'], now: number): Claims | { refused: string } {
    const end = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    const expected = this.#signature(token.slice(0, end));
    if (
      token.length > LONGEST ||
      !token.startsWith(`${HEADER}.`) ||
      signature.length !== expected.length ||
      !timingSafeEqual(signature, expected)
    )
      return { refused: 'the token is not one of this registry' };
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Claims;
    if (claims.use !== use) return { refused: `the token is a token for ${claims.use}, not for ${use}` };
    if (claims.exp * 1000 <= now) return { refused: 'the token has expired' };
    return claims;
  }

  #signature(body: string): Buffer {
    return createHmac('sha256', this.#key).update(body).digest();
  }
}

/** Whom tokens are for. */
export const SERVICE = 'gantry-registry';

/** Tells one secret of an account from the next, and says nothing about either. */
export const stampOf = (secret: string): string => createHash('sha256').update(`stamp ${secret}`).digest('base64url').slice(0, 16);

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
