import { type Clock, conflict, notFound } from '../../../base/index.ts';
import type { GrpcClient } from '../grpc/client.ts';

/** What one CLI process offers for one build: its files, secrets, agents, credentials. */
export interface Session {
  id: string;
  /** Stays the same for one context directory over builds; empty when the client gave none. */
  sharedKey: string;
  /** Paths of the methods that the client serves. */
  methods: ReadonlySet<string>;
  client: GrpcClient;
}

/** Milliseconds that a build waits for its session: clients open it beside the build, often later. */
const PATIENCE = 10_000;

/** The sessions that are open, by the id that a build names. */
export class Sessions {
  readonly #clock: Clock;
  readonly #open = new Map<string, Session>();
  readonly #waiting = new Map<string, Set<(session: Session) => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Fails with `conflict` while another one has the id. */
  add(session: Session): void {
    if (this.#open.has(session.id)) throw conflict(`a build session ${session.id} is open already`);
    this.#open.set(session.id, session);
    session.client.gone.addEventListener('abort', () => this.#open.delete(session.id), { once: true });
    for (const resolve of this.#waiting.get(session.id) ?? []) resolve(session);
    this.#waiting.delete(session.id);
  }

  /** Waits a while for one that is not there yet. */
  find(id: string, signal: AbortSignal): Promise<Session> {
    const open = this.#open.get(id);
    if (open) return Promise.resolve(open);
    if (id === '') return Promise.reject(notFound('the build names no session'));
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiting.delete(found);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
        cancel();
        signal.removeEventListener('abort', aborted);
      };
      const found = (session: Session) => {
        settle();
        resolve(session);
      };
      const aborted = () => {
        settle();
        reject(signal.reason);
      };
      const cancel = this.#clock.later(PATIENCE, () => {
        settle();
        reject(notFound(`no active session for ${id}: the client did not open it within ${PATIENCE / 1000} seconds`));
      });
      waiting.add(found);
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
    });
  }
}
