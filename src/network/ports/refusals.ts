import { isIPv6 } from 'node:net';
import { type Clock, errnoOf, GantryError } from '../../base/index.ts';
import { listListeners, ownerOfSocket } from '../../host/index.ts';
import type { PublishedPort } from '../../model/index.ts';
import type { Owner } from './book.ts';
import { holdPort } from './holder.ts';

/** Docker's words: tools look for them. */
export function refusal(owner: Owner): string {
  return `failed to set up container networking: driver failed programming external connectivity on endpoint ${owner.name} (${owner.endpointId}): `;
}

export const showAddress = (address: string) => (isIPv6(address) ? `[${address}]` : address);

const SOCKET_WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
};

/** What a failed bind(2) means to the person who wanted the port: `conflict` names the process that has it. */
export function bindFailure(owner: Owner, port: PublishedPort, error: unknown): GantryError {
  const code = errnoOf(error) ?? '';
  const reason = SOCKET_WORDS[code] ?? code;
  const family = `${port.protocol}${isIPv6(port.hostAddress) ? 6 : 4}`;
  const message = `${refusal(owner)}listen ${family} ${showAddress(port.hostAddress)}:${port.hostPort}: bind: ${reason}`;
  if (code === 'EADDRNOTAVAIL')
    return new GantryError('invalid', message, { cause: error, hint: `No device of this host has the address ${port.hostAddress}.` });
  if (code !== 'EADDRINUSE') return new GantryError('invalid', message, { cause: error });
  const holder = holderOfSocket(port);
  return new GantryError('conflict', holder === undefined ? message : `${message} (by ${holder})`, {
    cause: error,
    hint: 'Another program of this host has the port',
  });
}

/** `nginx, process 4711`, with the container it belongs to; undefined when nobody can be found. */
function holderOfSocket({ protocol, hostAddress, hostPort }: PublishedPort): string | undefined {
  if (protocol === 'sctp') return undefined;
  const listeners = listListeners(protocol).filter(({ port }) => port === hostPort);
  const family = isIPv6(hostAddress) ? 6 : 4;
  const listener = listeners.find((one) => one.family === family) ?? listeners[0];
  const process = listener && ownerOfSocket(listener.inode);
  if (!process) return undefined;
  const container = /[0-9a-f]{64}/.exec(process.cgroup)?.[0];
  return `${process.name}, process ${process.pid}${container ? ` of container ${container.slice(0, 12)}` : ''}`;
}

/**
 * A range is not held by sockets, so it is asked once who listens in it. The kernel says of each candidate whether it is in the way.
 * Fails as a bind of that port would.
 */
export async function refuseTakenSockets(owner: Owner, range: PublishedPort, clock: Clock): Promise<void> {
  const { protocol, hostPort, count = 1 } = range;
  if (protocol === 'sctp') return;
  const heard = listListeners(protocol).filter(({ port }) => port >= hostPort && port < hostPort + count);
  // The first shows whether the host has the address at all.
  for (const candidate of new Set([hostPort, ...heard.map(({ port }) => port)])) {
    try {
      await using _free = await holdPort({ ...range, hostPort: candidate }, { address: '', port: 0 }, clock);
    } catch (error) {
      throw bindFailure(owner, { ...range, hostPort: candidate }, error);
    }
  }
}
