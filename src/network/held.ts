import type { EndpointState, PublishedPort } from '../model/index.ts';
import type { Attachment } from './network.ts';
import type { Member } from './pool/member.ts';
import { chooseGateways, setDefaultRoutes } from './segments/inside.ts';
import type { Plug } from './segments/segment.ts';

/** One attached container: what others may know, and what is needed to let go of it. */
export interface Held {
  attachment: Attachment;
  /** Its namespace; none of its own in the network mode `host`. */
  member?: Member;
  /** Interfaces on networks that people made, by network id, and the ways to let go of these networks. */
  plugs: Map<string, { plug: Plug; letGo: () => void }>;
}

export function setPorts(held: Held, publishedPorts: PublishedPort[]): void {
  held.attachment = { ...held.attachment, publishedPorts };
}

export function setEndpoints(held: Held, endpoints: EndpointState[]): void {
  held.attachment = { ...held.attachment, endpoints };
}

/** Nothing is told of an endpoint on this network from then on. */
export function dropEndpoint(held: Held, networkId: string): void {
  setEndpoints(
    held,
    held.attachment.endpoints.filter((endpoint) => endpoint.networkId !== networkId),
  );
}

/** The endpoints that lead the container out. */
export const waysOut = ({ attachment }: Held) => chooseGateways(attachment.endpoints, ({ gatewayPriority }) => gatewayPriority ?? 0);

/** Makes the kernel send what leaves the container by the endpoints that should lead it out. */
export async function route(held: Held): Promise<void> {
  if (!held.member) return;
  const { endpoints, namespace } = held.attachment;
  const hasSix = endpoints.some(({ ipv6Address }) => ipv6Address !== '');
  await setDefaultRoutes(namespace, waysOut(held), hasSix);
}
