/** Something that happened, as `events` tells it. */
export interface Event {
  type: 'container' | 'image' | 'volume' | 'network' | 'daemon' | 'builder' | 'plugin' | 'service' | 'node' | 'secret' | 'config';
  action: string;
  actor: { id: string; attributes: Record<string, string> };
  scope: 'local' | 'swarm';
  /** Nanoseconds since the epoch. */
  timeNano: bigint;
}

/** A decision that Gantry took about an object, kept so that `gantry why` can tell it later. */
export interface Decision {
  /** RFC 3339. */
  time: string;
  /** Such as 'exited', 'restart', 'oom', 'health', 'refused'. */
  what: string;
  /** A sentence with the inputs of the decision. */
  why: string;
}
