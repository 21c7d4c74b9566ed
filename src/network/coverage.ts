import type { NetworkRecord } from '../model/index.ts';
import { formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from './addresses/index.ts';
import type { TakenPrefix } from './define/subnets.ts';

export interface Covered {
  network: NetworkRecord;
  /** What is in the way, what comes of it and what to do. */
  sentence: string;
}

/**
 * Networks whose subnets something of the host overlaps by now, such as the routes of a VPN that came up later. New networks avoid those; for
 * old ones a person must choose.
 */
export function coveredNetworks(networks: readonly NetworkRecord[], host: readonly TakenPrefix[]): Covered[] {
  return networks.flatMap((network) =>
    network.driver !== 'bridge'
      ? []
      : network.subnets.flatMap(({ subnet }) => {
          const own = parsePrefix(subnet);
          const over = own && host.find(({ prefix }) => prefixesOverlap(prefix, own));
          return own && over ? [{ network, sentence: sentenceFor(network.name, own, over) }] : [];
        }),
  );
}

function sentenceFor(name: string, own: Prefix, { prefix, by }: TakenPrefix): string {
  const what = `${by} covers ${formatPrefix(prefix)}, which overlaps ${formatPrefix(own)} of the network ${name}`;
  const result =
    prefix.length >= own.length
      ? `containers in ${formatPrefix(prefix)} are not reached from this host`
      : `what is in ${formatPrefix(own)} beyond that route is not reached from this host`;
  return `${what}: ${result}; make the network anew (it takes a free subnet), or change the route`;
}
