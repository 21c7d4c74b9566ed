import { bytes, integer, long, message, one, string } from './codec.ts';

/** Messages of the services that a client offers on its session. */

export const PACKET = { stat: 0, request: 1, data: 2, finish: 3, error: 4 } as const;

/** What is known of a file: fsutil's words. `mode` is Go's FileMode; `modified` nanoseconds. */
export const Stat = message({
  path: string(1),
  mode: integer(2),
  uid: integer(3),
  gid: integer(4),
  size: long(5),
  modified: long(6),
  linkName: string(7),
  deviceMajor: long(8),
  deviceMinor: long(9),
});
export const Packet = message({ type: integer(1), stat: one(2, Stat), id: integer(3), data: bytes(4) });
export const Chunk = message({ data: bytes(1) });

export const SecretRequest = message({ id: string(1) });
export const SecretResponse = message({ data: bytes(1) });
export const CheckAgentRequest = message({ id: string(1) });
export const CredentialsRequest = message({ host: string(1) });
export const CredentialsResponse = message({ username: string(1), secret: string(2) });
