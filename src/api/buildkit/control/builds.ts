import { type Clock, conflict, invalid, notFound } from '../../../base/index.ts';
import type { PreparedBuild, SolvedBuild } from '../../../build/index.ts';
import type { Session, Sessions } from '../session/sessions.ts';
import type { Decoded } from '../wire/codec.ts';
import type { ReturnRequest, SolveRequest } from '../wire/control.ts';
import { StatusFeed } from './status-feed.ts';

const REMEMBERED_ENDS = 256;

/**
 * One build as a client sees it: calls of several kinds carry its ref and come in any order, so each may wait for another.
 * It lives while a call holds it.
 */
export class Build {
  readonly ref: string;
  readonly status: StatusFeed;
  readonly #sessions: Sessions;
  readonly #request = Promise.withResolvers<Decoded<typeof SolveRequest>>();
  readonly #returned = Promise.withResolvers<Decoded<typeof ReturnRequest>>();
  readonly #cancel = new AbortController();
  #session: Promise<Session> | undefined;
  #begun = false;
  /** What the front end made for this build, by the id that the client has. */
  readonly results = new Map<string, PreparedBuild>();
  readonly #loans: AsyncDisposable[] = [];
  #borrowers = 0;
  #over = false;
  readonly #solved = new Map<PreparedBuild, Promise<SolvedBuild>>();

  constructor(ref: string, sessions: Sessions, clock: Clock) {
    this.ref = ref;
    this.#sessions = sessions;
    this.status = new StatusFeed(clock);
    this.#request.promise.catch(() => {});
    this.#returned.promise.catch(() => {});
  }

  /** Aborts when the client cancels, or is gone. */
  get signal(): AbortSignal {
    return this.#cancel.signal;
  }

  /** `signal`: the call that is the build's life. */
  begin(request: Decoded<typeof SolveRequest>, signal: AbortSignal): void {
    if (this.#begun) throw conflict(`the build ${this.ref} runs already`);
    this.#begun = true;
    signal.addEventListener('abort', () => this.cancel(signal.reason), { once: true });
    if (signal.aborted) this.cancel(signal.reason);
    this.#request.resolve(request);
  }

  cancel(reason: unknown): void {
    this.#cancel.abort(reason);
    this.#returned.reject(reason);
  }

  /** What was asked for, as soon as it is. Fails when the build was cancelled, has failed, or is over. */
  request(signal: AbortSignal): Promise<Decoded<typeof SolveRequest>> {
    return until(this.#request.promise, AbortSignal.any([signal, this.signal]));
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** What the client's side of the front end ended with. */
  returned(): Promise<Decoded<typeof ReturnRequest>> {
    return this.#returned.promise;
  }

  return(value: Decoded<typeof ReturnRequest>): void {
    this.#returned.resolve(value);
  }

  async session(): Promise<Session> {
    const { session: id } = await this.request(this.signal);
    this.#session ??= this.#sessions.find(id, this.signal).then((session) => {
      const gone = () => this.cancel(session.client.gone.reason);
      session.client.gone.addEventListener('abort', gone, { once: true });
      if (session.client.gone.aborted) gone();
      return session;
    });
    return this.#session;
  }

  /** Builds a result, once. It stays until the build is over. */
  solved(prepared: PreparedBuild): Promise<SolvedBuild> {
    const solved = this.#solved.get(prepared) ?? prepared.solve(this.signal);
    this.#solved.set(prepared, solved);
    return solved;
  }

  /** Keeps what this build made for another that goes on from it. */
  borrow(): AsyncDisposable {
    this.#borrowers += 1;
    return {
      [Symbol.asyncDispose]: async () => {
        this.#borrowers -= 1;
        if (this.#over && this.#borrowers === 0) await this.#letGo();
      },
    };
  }

  /** Keeps a loan until this build is over. */
  keep(loan: AsyncDisposable): void {
    this.#loans.push(loan);
  }

  /** The build is over: lets go of what was made, unless another build still needs it. */
  async release(): Promise<void> {
    this.#over = true;
    if (this.#borrowers === 0) await this.#letGo();
  }

  async #letGo(): Promise<void> {
    await using scope = new AsyncDisposableStack();
    for (const loan of this.#loans.splice(0)) scope.use(loan);
    for (const prepared of this.results.values()) scope.use(prepared);
    for (const solved of this.#solved.values()) scope.use(await solved.catch(() => undefined));
    this.results.clear();
    this.#solved.clear();
  }
}

/** The builds that clients speak of, by ref. */
export class Builds {
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #held = new Map<string, { build: Build; holders: number }>();
  /** Builds that are over, newest last: a call that comes late would wait for ever for its build to begin. */
  readonly #over = new Set<string>();

  constructor(sessions: Sessions, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
  }

  /** Makes the build known, if it is not yet, until all who hold it let go. */
  hold(ref: string): { build: Build } & Disposable {
    if (ref === '' || ref.length > 256) throw invalid('the call names no build');
    const entry = this.#held.get(ref) ?? { build: this.#make(ref), holders: 0 };
    this.#held.set(ref, entry);
    entry.holders += 1;
    return {
      build: entry.build,
      [Symbol.dispose]: () => {
        entry.holders -= 1;
        if (entry.holders > 0) return;
        this.#held.delete(ref);
        if (entry.build.begun) this.#rememberEnd(ref);
      },
    };
  }

  #make(ref: string): Build {
    const build = new Build(ref, this.#sessions, this.#clock);
    if (!this.#over.has(ref)) return build;
    build.cancel(notFound(`the build ${ref} is over`));
    void build.status.end(0);
    return build;
  }

  #rememberEnd(ref: string): void {
    this.#over.add(ref);
    const [oldest] = this.#over;
    if (oldest !== undefined && this.#over.size > REMEMBERED_ENDS) this.#over.delete(oldest);
  }

  /** A front end's result for another build to go on from, which keeps it that long. */
  lend(id: string, to: Build): PreparedBuild | undefined {
    for (const { build } of this.#held.values()) {
      const result = build.results.get(id);
      if (!result) continue;
      if (build !== to) to.keep(build.borrow());
      return result;
    }
    return undefined;
  }
}

function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
