export type Protocol = 'tcp' | 'udp' | 'sctp';

/** A request to publish one container port (a range is expanded before it gets here). */
export interface PortRequest {
  containerPort: number;
  protocol: Protocol;
  /** '' means every address, IPv4 and IPv6. */
  hostAddress: string;
  /** Inclusive range to choose from; undefined means an ephemeral port. `from === to` is a fixed port. */
  hostPorts?: { from: number; to: number };
}

/** A port as it is published now. */
export interface PublishedPort {
  containerPort: number;
  protocol: Protocol;
  /** An address in use, such as 0.0.0.0 or ::. */
  hostAddress: string;
  hostPort: number;
}
