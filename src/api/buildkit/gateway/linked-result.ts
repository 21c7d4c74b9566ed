import { sha256 } from '../../../base/index.ts';
import type { Decoded } from '../wire/codec.ts';
import { type Definition, Operation } from '../wire/control.ts';

/**
 * How one build's result becomes a context of another (bake and compose: `target:x`, `service:x`): the client hands the first build's
 * definition over to the second one unread. Ours has a single source whose identifier names the result here.
 */
const SCHEME = 'gantry-build://';

export function definitionOf(resultId: string): ReturnType<typeof Definition.decode> {
  const source = Operation.encode({ source: { identifier: SCHEME + resultId } });
  const end = Operation.encode({ inputs: [{ digest: `sha256:${sha256(source)}` }] });
  const digests = [source, end].map((operation) => [`sha256:${sha256(operation)}`, {}]);
  return { operations: [source, end], metadata: Object.fromEntries(digests) };
}

/** Undefined for definitions that were made elsewhere. */
export function resultIdOf(definition: Decoded<typeof Definition> | undefined): string | undefined {
  for (const data of definition?.operations ?? []) {
    const identifier = Operation.decode(data).source?.identifier;
    if (identifier?.startsWith(SCHEME)) return identifier.slice(SCHEME.length);
  }
  return undefined;
}
