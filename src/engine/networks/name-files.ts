import { readFile, writeFile } from 'node:fs/promises';
import { hostname as hostnameOfHost } from 'node:os';
import { errnoOf } from '../../base/index.ts';
import type { ContainerRecord, EndpointState } from '../../model/index.ts';
import { changeHosts, isUnedited, ownEntries } from '../../network/index.ts';
import { containerFiles } from '../containers/launch.ts';
import type { EngineParts } from '../parts.ts';

type Parts = Pick<EngineParts, 'dataRoot' | 'network'>;

/** Makes resolv.conf and hosts of a running container tell of its networks as they are now. What people wrote into them stays. */
export async function refreshNameFiles(
  parts: Parts,
  { id, spec }: ContainerRecord,
  before: readonly EndpointState[],
  after: readonly EndpointState[],
): Promise<void> {
  const files = containerFiles(parts.dataRoot, id);
  const ownOf = (endpoints: readonly EndpointState[]) => ownEntries(endpoints, spec.hostname || hostnameOfHost(), spec.domainname);
  const other = (list: readonly EndpointState[]) => (one: EndpointState) => !list.some(({ endpointId }) => endpointId === one.endpointId);
  const [gone, come] = [ownOf(before.filter(other(after))), ownOf(after.filter(other(before)))];
  const resolver = await parts.network.resolverFile(spec, { ...blank(id), endpoints: [...after] });
  await change(files.hosts, (text) => changeHosts(text, gone, come));
  await change(files.resolver, (text) => (isUnedited(text) ? resolver : text));
}

const blank = (containerId: string) => ({ containerId, namespace: '', publishedPorts: [] });

/** In place: the container has the file itself mounted, not its name. */
async function change(file: string, edit: (text: string) => string): Promise<void> {
  try {
    const text = await readFile(file, 'utf8');
    const edited = edit(text);
    if (edited !== text) await writeFile(file, edited);
  } catch (error) {
    // A container of another network mode shares the files of another.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
