import type { Distribution } from '../scan.ts';

export const UNKNOWN_DISTRIBUTION: Distribution = { id: '', versionId: '', codename: '', prettyName: '' };

/** Reads an os-release file: shell-like assignments (os-release(5)). */
export function parseOsRelease(text: string): Distribution {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key = '', raw = ''] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
    values.set(key, raw.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(.)/g, '$1'));
  }
  const get = (key: string): string => values.get(key) ?? '';
  return { id: get('ID'), versionId: get('VERSION_ID'), codename: get('VERSION_CODENAME'), prettyName: get('PRETTY_NAME') };
}
