import { invalid } from '../../base/index.ts';
import type { AccessOptions } from '../../registry/index.ts';

/** How clients log in, for `gantry registry serve` and `gantryd --registry` alike. */
export type AccessFlags = Pick<AccessOptions, 'challenge' | 'tokenLife' | 'publicUrl'>;

/** Fails with `invalid` that names the flag: `prefix` stands before its name. */
export function parseAccess(auth: string, tokenLife: string, publicUrl: string, prefix = ''): AccessFlags {
  if (auth !== 'token' && auth !== 'basic') throw invalid(`--${prefix}auth ${auth} is not known`, 'Use token or basic.');
  const life = parseDuration(`${prefix}token-life`, tokenLife);
  if (life < 10_000 || life > 86_400_000) throw invalid(`--${prefix}token-life ${tokenLife} is not between 10s and 1d`);
  if (publicUrl !== '' && !/^https?:\/\/[^/?#]+\/?$/.test(publicUrl))
    throw invalid(`--${prefix}public-url ${publicUrl} is not an address such as https://registry.example.org`);
  return { challenge: auth, tokenLife: life, ...(publicUrl === '' ? {} : { publicUrl: publicUrl.replace(/\/$/, '') }) };
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function parseDuration(key: string, text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  if (!match) throw invalid(`--${key} ${text} is not a time`, 'Write 90s, 30m, 12h or 7d.');
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0);
}
