import type { netlink } from '../../host/index.ts';
import type { EndpointRequest, EndpointState, NetworkRecord } from '../../model/index.ts';

/** A container that gets one more interface. */
export interface PlugRequest {
  /** For messages. */
  owner: string;
  /** File of the container's network namespace. */
  namespace: string;
  /** Name for its device; the first free `eth` when absent. */
  device: string;
  wish: EndpointRequest;
  /** It is the container's only network: what leaves the container goes by it. */
  leads: boolean;
}

/** One interface of one container on one network. */
export interface Plug {
  endpoint: EndpointState;
  /** The host's end, whose removal takes the container's end with it; '' when there is none on the host. */
  link: string;
  /** Gives the addresses back. Only after the interface is gone. */
  release(): void;
}

/** What the room asks of one live network, whatever its driver. */
export interface Segment {
  readonly record: NetworkRecord;
  /** Whether containers on it may publish ports and reach the world by the host. */
  readonly leadsOut: boolean;
  /** How devices in containers begin. */
  readonly devicePrefix: string;
  /**
   * Makes the kernel equal to the record. Idempotent; resolves to whether something was not as it should be. `devices` are those of the host, where
   * they have just been listed.
   */
  ensure(devices?: netlink.Devices): Promise<boolean>;
  /** Joins a container: interface up, with its addresses, and no default route unless it leads. Undoes itself on failure. */
  plug(request: PlugRequest): Promise<Plug>;
  /** Takes over an interface that an earlier daemon made: its addresses are taken from now on. */
  adopt(endpoint: EndpointState, owner: string): Plug;
  /** Puts the host's end of a living interface where it belongs; `links` are those of the host. Resolves to whether it had to; `gone` when the interface is no more. */
  mend(plug: Plug, links: readonly netlink.LinkFacts[]): Promise<'fine' | 'mended' | 'gone'>;
  /** Makes an interface anew that someone deleted, as it was but for default routes. Its link is in UNFINISHED_GROUP then. */
  restore(plug: Plug, namespace: string): Promise<void>;
  /** Takes the network out of the kernel. Idempotent. */
  destroy(): Promise<void>;
}
