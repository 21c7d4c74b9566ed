import { checkName, RegistryError } from '../../registry/index.ts';

/** What a path of the distribution API means. */
export type Target =
  | { what: 'base' | 'catalog' | 'token' | 'health' | 'metrics' }
  | { what: 'tags' | 'uploads'; repository: string }
  | { what: 'upload' | 'blob' | 'manifest' | 'referrers'; repository: string; reference: string };

const FIXED: Readonly<Record<string, Target['what']>> = {
  '/v2': 'base',
  '/v2/': 'base',
  '/v2/_catalog': 'catalog',
  '/token': 'token',
  '/healthz': 'health',
  '/metrics': 'metrics',
};

/** A repository's name has slashes and may itself have parts such as `blobs`: the end of the path decides. */
const ENDS: readonly [RegExp, Target['what']][] = [
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, 'uploads'],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, 'upload'],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, 'blob'],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest'],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, 'referrers'],
  [/^\/v2\/(.+)\/tags\/list$/, 'tags'],
];

/** Undefined for paths that mean nothing here. Fails with NAME_INVALID. */
export function parsePath(path: string): Target | undefined {
  const fixed = Object.hasOwn(FIXED, path) ? FIXED[path] : undefined;
  if (fixed) return { what: fixed } as Target;
  for (const [expression, what] of ENDS) {
    const match = expression.exec(path);
    if (match) return { what, repository: checkName(decode(match[1] ?? '')), reference: decode(match[2] ?? '') } as Target;
  }
  return undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RegistryError('NAME_INVALID', `'${text.slice(0, 100)}' is not valid percent-encoding`);
  }
}
