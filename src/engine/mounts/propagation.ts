import { realpath } from 'node:fs/promises';
import { invalid } from '../../base/index.ts';
import { type MountEntry, mountOf } from '../../host/index.ts';
import type { BindMount, Propagation } from '../../model/index.ts';

/** Fails when the mount that the source is on passes on no mount events, which the propagation asks for. */
export async function checkPropagation({ source, propagation }: Pick<BindMount, 'source' | 'propagation'>): Promise<void> {
  if (propagation === 'private' || propagation === 'rprivate') return;
  const path = await realpath(source);
  const refusal = refusedPropagation(path, propagation, mountOf(path));
  if (refusal) throw invalid(refusal, `Make it one first: mount --make-rshared ${mountOf(path).target}`);
}

/** Docker's sentence (moby, daemon/oci_linux.go: behaviour as observed); undefined when all is well. */
export function refusedPropagation(
  path: string,
  propagation: Propagation,
  { target, shared, slave }: Pick<MountEntry, 'target' | 'shared' | 'slave'>,
): string | undefined {
  if (propagation.endsWith('shared') && !shared) return `path ${path} is mounted on ${target} but it is not a shared mount`;
  if (propagation.endsWith('slave') && !shared && !slave)
    return `path ${path} is mounted on ${target} but it is not a shared or slave mount`;
  return undefined;
}
