import type { Decision, NetworkRecord, NetworkRequest } from '../../model/index.ts';
import type { Attachment } from '../../network/index.ts';
import type { Explanation } from '../engine.ts';

/** The story of a network: what it is, who is on it, and what was decided or noticed. */
export function explainNetwork(network: NetworkRecord, attachments: readonly Attachment[], decisions: Decision[]): Explanation {
  const joined = attachments.filter(({ endpoints }) => endpoints.some(({ networkId }) => networkId === network.id)).length;
  const subnets = network.subnets.map(({ subnet }) => subnet).join(' and ');
  const way = network.internal ? ' It has no way out.' : '';
  return {
    subject: `network ${network.name} (${network.id.slice(0, 12)})`,
    state: joined > 0 ? 'in use' : 'unused',
    summary: `A network of the driver ${network.driver}${subnets ? ` with ${subnets}` : ''}, with ${count(joined)} on it.${way}`,
    decisions,
  };
}

const count = (containers: number) => (containers === 1 ? 'one container' : `${containers === 0 ? 'no' : containers} containers`);

/** Why a new network has a subnet. */
export function subnetReason(subnet: string, request: Pick<NetworkRequest, 'subnets'>): string {
  if (request.subnets.some((asked) => asked.subnet === subnet)) return `${subnet} was asked for`;
  return subnet.includes(':')
    ? `${subnet} is a private prefix made of chance`
    : `${subnet} is the first of the address pools that no other network and no route or address of this host covers`;
}
