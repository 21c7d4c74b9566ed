import { RegistryError } from './errors.ts';

/** Grammar of the distribution specification 1.1, "Pulling manifests". */
const NAME = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const LONGEST_NAME = 255;
const ALGORITHMS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

/** A repository's name. Fails with NAME_INVALID. */
export function checkName(name: string): string {
  if (name.length > LONGEST_NAME)
    throw new RegistryError('NAME_INVALID', `the repository name ${name.slice(0, 40)}… is longer than ${LONGEST_NAME} characters`);
  if (!NAME.test(name))
    throw new RegistryError(
      'NAME_INVALID',
      `the repository name '${name}' is not valid: lower-case letters, digits and single separators (. _ __ -) in parts between slashes`,
      { name },
    );
  return name;
}

export const isTag = (text: string): boolean => TAG.test(text);

export interface Digest {
  algorithm: 'sha256' | 'sha512';
  hex: string;
}

/** Takes a digest apart; undefined when it is none that is verified here. */
export function tryParseDigest(text: string): Digest | undefined {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  const hex = text.slice(colon + 1);
  if (colon < 0 || !Object.hasOwn(ALGORITHMS, algorithm) || hex.length !== ALGORITHMS[algorithm] || !/^[0-9a-f]+$/.test(hex))
    return undefined;
  return { algorithm: algorithm as Digest['algorithm'], hex };
}

/** Fails with DIGEST_INVALID: what is no digest never becomes a file name. */
export function parseDigest(text: string): Digest {
  const digest = tryParseDigest(text);
  if (!digest)
    throw new RegistryError(
      'DIGEST_INVALID',
      `'${text.slice(0, 160)}' is not a digest: sha256 with 64 or sha512 with 128 lower-case hexadecimal digits is`,
      { digest: text.slice(0, 160) },
    );
  return digest;
}

/** A tag or a digest. Fails with DIGEST_INVALID or TAG_INVALID. */
export function parseReference(text: string): { tag: string } | { digest: string } {
  if (text.includes(':')) {
    parseDigest(text);
    return { digest: text };
  }
  if (!isTag(text))
    throw new RegistryError('TAG_INVALID', `'${text.slice(0, 160)}' is not a tag: up to 128 letters, digits and _ . - are`, {
      tag: text.slice(0, 160),
    });
  return { tag: text };
}
