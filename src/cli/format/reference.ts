import { CommandFailure } from '../failure.ts';

/** An image's name in its parts. */
export interface Reference {
  /** As people write it, without tag and digest: `busybox`, `registry.example/team/app`. */
  readonly familiar: string;
  /** Host of the registry; `docker.io` when the name has none. */
  readonly registry: string;
  readonly tag?: string;
  readonly digest?: string;
}

const PATTERN =
  /^(?<name>(?:(?:[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?|\[[\da-fA-F:]+\])(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>[a-z][a-z0-9]*:[\da-fA-F]{32,}))?$/;

/** Reads an image name. Throws `CommandFailure`, whose message starts with `prefix`, for what no registry could hold. */
export function parseReference(text: string, prefix = ''): Reference {
  const found = PATTERN.exec(text)?.groups;
  if (!found?.name) {
    const lower = /[A-Z]/.test(text) && PATTERN.test(text.toLowerCase());
    throw new CommandFailure(
      lower
        ? `${prefix}invalid reference format: repository name (${text.split(/[:@]/)[0]}) must be lowercase`
        : `${prefix}invalid reference format`,
    );
  }
  const [head = ''] = found.name.split('/');
  const hasHost = found.name.includes('/') && (head.includes('.') || head.includes(':') || head === 'localhost' || /[A-Z]/.test(head));
  const familiar = found.name.replace(/^(?:index\.)?docker\.io\/(?:library\/)?/, '');
  const registry = hasHost && !/^(index\.)?docker\.io$/.test(head) ? head : 'docker.io';
  return { familiar, registry, ...(found.tag ? { tag: found.tag } : {}), ...(found.digest ? { digest: found.digest } : {}) };
}

/** The whole name, with `:latest` when neither tag nor digest is there. */
export function fullName(reference: Reference): string {
  const tag = reference.tag ? `:${reference.tag}` : reference.digest ? '' : ':latest';
  return `${reference.familiar}${tag}${reference.digest ? `@${reference.digest}` : ''}`;
}
