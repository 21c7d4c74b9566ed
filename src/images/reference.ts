import { invalid } from '../base/index.ts';

/**
 * A name of an image, taken apart (facts: distribution's reference grammar).
 * `domain` is where the registry is (`docker.io` when none was said), `path` the repository there (`library/busybox`).
 */
export interface Reference {
  domain: string;
  path: string;
  tag?: string;
  /** `sha256:…` */
  digest?: string;
}

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL_PREFIX = 'library/';
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const SHA256 = /^sha256:[0-9a-f]{64}$/;
const MAX_NAME = 255;

export const isDigest = (text: string): boolean => SHA256.test(text);

/** Takes a name apart. Fails with `invalid` ("invalid reference format…"), naming what is wrong. */
export function parseReference(text: string): Reference {
  if (/^[0-9a-f]{64}$/.test(text)) throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const { rest, digest } = splitDigest(text);
  const { name, tag } = splitTag(rest, text);
  const { domain, path } = splitDomain(name);
  if (path !== path.toLowerCase()) throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
  if (!DOMAIN.test(domain) || path === '' || !path.split('/').every((part) => PATH_COMPONENT.test(part))) throw badFormat(text);
  if (domain.length + 1 + path.length > MAX_NAME)
    throw invalid(`invalid reference format: repository name of ${text.slice(0, 40)}… must not be more than ${MAX_NAME} characters`);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** As `parseReference`, but undefined for what is not a name. */
export function tryParseReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

/** `docker.io/library/busybox`: the same for all spellings. */
export const repositoryOf = (reference: Reference): string => `${reference.domain}/${reference.path}`;

/** What people write: `busybox`, `user/app`, `host:5000/a/b`, without tag and digest. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryOf(reference);
  const { path } = reference;
  return path.startsWith(OFFICIAL_PREFIX) && !path.slice(OFFICIAL_PREFIX.length).includes('/') ? path.slice(OFFICIAL_PREFIX.length) : path;
}

/** The familiar name with its tag and digest, as far as there are any. */
export function formatReference(reference: Reference): string {
  return (
    familiarName(reference) +
    (reference.tag === undefined ? '' : `:${reference.tag}`) +
    (reference.digest === undefined ? '' : `@${reference.digest}`)
  );
}

/** Adds `latest` where neither tag nor digest was said. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

function badFormat(text: string) {
  return invalid(
    text === ''
      ? 'invalid reference format: repository name must have at least one component'
      : `invalid reference format: '${text.slice(0, 300)}'`,
  );
}

function splitDigest(text: string): { rest: string; digest?: string } {
  const at = text.indexOf('@');
  if (at < 0) return { rest: text };
  const digest = text.slice(at + 1);
  if (!DIGEST.test(digest)) throw badFormat(text);
  if (!SHA256.test(digest)) throw invalid(`unsupported digest '${digest.slice(0, 100)}': only sha256 with 64 lower-case digits is`);
  return { rest: text.slice(0, at), digest };
}

function splitTag(rest: string, text: string): { name: string; tag?: string } {
  const colon = rest.lastIndexOf(':');
  if (colon < 0 || rest.indexOf('/', colon) >= 0) return { name: rest };
  const tag = rest.slice(colon + 1);
  if (!TAG.test(tag)) throw badFormat(text);
  return { name: rest.slice(0, colon), tag };
}

/** The first part is a registry only when it cannot be a user: it has a dot, a port or upper case, or is localhost. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = isDomain ? first : DEFAULT_DOMAIN;
  const path = isDomain ? name.slice(slash + 1) : name;
  if (domain !== DEFAULT_DOMAIN && domain !== 'index.docker.io') return { domain, path };
  return { domain: DEFAULT_DOMAIN, path: path === '' || path.includes('/') ? path : OFFICIAL_PREFIX + path };
}
