import type { Identity, Registry, Wish } from '../../registry/index.ts';
import type { Exchange } from '../http/index.ts';

/** One request after its path is understood and its client known. */
export interface Call {
  exchange: Exchange;
  registry: Registry;
  identity: Identity;
  /** Resolves when the client may; throws a `Refusal` otherwise. */
  permit(wish: Wish): Promise<void>;
  /** Whether the client may. */
  may(wish: Wish): Promise<boolean>;
  /** Whether a token for it would be given: lists leave out what a client may not even ask for. */
  mayEver(wish: Wish): Promise<boolean>;
}
