import { posix } from 'node:path';

/** The patterns of a `.dockerignore`: comments and blanks gone, paths normalized as Docker does. */
export function ignorePatterns(text: Uint8Array): string[] {
  return Buffer.from(text)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '!')
    .map((line) => (line.startsWith('!') ? `!${normalized(line.slice(1).trim())}` : normalized(line)));
}

function normalized(pattern: string): string {
  const plain = posix.normalize(pattern).replace(/\/+$/, '');
  return plain.length > 1 && plain.startsWith('/') ? plain.slice(1) : plain || '.';
}
