import type { EndpointState, Exposure, PortRequest, Protocol, PublishedPort } from '../../model/index.ts';

/** A running container whose ports are asked for. */
export interface ReachSubject {
  id: string;
  name: string;
  endpoints: readonly EndpointState[];
  publishedPorts: readonly PublishedPort[];
  exposedPorts: readonly { port: number; protocol: Protocol }[];
  /** What its creator asked to be published. */
  requested: readonly PortRequest[];
  /** It shares the network of the host. */
  onHost: boolean;
}

/** A port that can be reached, or `count` of them in a row. */
export interface PortReach {
  containerId: string;
  name: string;
  protocol: Protocol;
  containerPort: number;
  /** Where it is reached: an address of the host, or of the container when it is not published. */
  hostAddress: string;
  /** 0 when it is not published. */
  hostPort: number;
  count: number;
  /** All addresses that `hostAddress` stands for now. */
  addresses: string[];
  /** Absent for what is not published. */
  policy?: Exposure;
  /** From outside the container. `some` are those whom the firewall of the host lets in; the host itself is always among them. */
  who: 'everyone' | 'some' | 'LAN' | 'containers' | 'this host';
  /** Sentences: the policy, then the rules or addresses that decide. */
  why: string[];
}

/** What one network means to the ports of its containers. */
export interface NetworkFacts {
  name: string;
  /** '' for none. */
  bridge: string;
  /** Containers may talk among themselves. */
  talk: boolean;
  /**
   * Who comes in untranslated. `wire`: containers are machines of the host's own network (macvlan). `routed`: who has a route, to ports
   * that were published. `unprotected`: who has a route, to all ports.
   */
  open: 'no' | 'routed' | 'unprotected' | 'wire';
}
