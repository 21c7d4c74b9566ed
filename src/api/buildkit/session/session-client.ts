import { Duplex, Readable } from 'node:stream';
import { GantryError, isKind, notFound, unsupported } from '../../../base/index.ts';
import type { BuildClient, ClientDirectory, DirectoryFilter } from '../../../build/index.ts';
import type { Credentials } from '../../../images/index.ts';
import { Empty } from '../wire/control.ts';
import { CheckAgentRequest, Chunk, CredentialsRequest, CredentialsResponse, SecretRequest, SecretResponse } from '../wire/session.ts';
import { receiveDirectory } from './receive-directory.ts';
import type { Session } from './sessions.ts';

const METHODS = {
  secret: '/moby.buildkit.secrets.v1.Secrets/GetSecret',
  checkAgent: '/moby.sshforward.v1.SSH/CheckAgent',
  forwardAgent: '/moby.sshforward.v1.SSH/ForwardAgent',
  credentials: '/moby.filesync.v1.Auth/Credentials',
  upload: '/moby.upload.v1.Upload/Pull',
} as const;

const PIECE = 32 * 1024;

/** What a build asks of its client, asked over the client's session. */
export class SessionClient implements BuildClient {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async openDirectory(name: string, filter: DirectoryFilter, signal: AbortSignal): Promise<ClientDirectory> {
    return receiveDirectory(this.#session, name, filter, signal);
  }

  async secret(id: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (!this.#session.methods.has(METHODS.secret)) return undefined;
    try {
      return (await this.#session.client.ask(METHODS.secret, [SecretRequest, SecretResponse], { id }, signal)).data;
    } catch (error) {
      if (isKind(error, 'notFound')) return undefined;
      throw error;
    }
  }

  async checkSshAgent(id: string, signal: AbortSignal): Promise<void> {
    if (!this.#session.methods.has(METHODS.checkAgent)) throw notFound(`the client forwards no SSH agent ${id}`, 'use --ssh');
    try {
      await this.#session.client.ask(METHODS.checkAgent, [CheckAgentRequest, Empty], { id }, signal);
    } catch (error) {
      if (signal.aborted || isKind(error, 'unavailable')) throw error;
      throw new GantryError('notFound', error instanceof Error ? error.message : `the client forwards no SSH agent ${id}`, {
        cause: error,
      });
    }
  }

  async connectSshAgent(id: string, signal: AbortSignal): Promise<NodeJS.ReadWriteStream> {
    const call = this.#session.client.open(METHODS.forwardAgent, { 'buildkit.ssh.id': id || 'default' }, signal);
    const answers = (async function* () {
      for await (const message of call.messages()) yield Chunk.decode(message).data;
    })();
    const incoming = Readable.from(answers, { objectMode: false });
    const duplex = new Duplex({
      read() {
        incoming.resume();
      },
      write(data: Buffer, _encoding, done) {
        sendPieces(data).then(() => done(), done);
      },
      final(done) {
        call.end();
        done();
      },
      destroy(error, done) {
        incoming.destroy();
        call[Symbol.asyncDispose]().then(() => done(error), done);
      },
    });
    async function sendPieces(data: Buffer): Promise<void> {
      for (let from = 0; from < data.length; from += PIECE) await call.send(Chunk.encode({ data: data.subarray(from, from + PIECE) }));
    }
    incoming.on('data', (data: Buffer) => {
      if (!duplex.push(data)) incoming.pause();
    });
    incoming.once('end', () => duplex.push(null));
    incoming.once('error', (error) => {
      // A client takes the end of our half for the end of all, and breaks off.
      if (duplex.writableFinished) duplex.push(null);
      else duplex.destroy(error);
    });
    return duplex;
  }

  async credentials(host: string, signal: AbortSignal): Promise<Credentials | undefined> {
    if (!this.#session.methods.has(METHODS.credentials)) return undefined;
    const types = [CredentialsRequest, CredentialsResponse] as const;
    // Clients keep those of Docker Hub under the name of its registry.
    const name = host === 'docker.io' ? 'registry-1.docker.io' : host;
    const { username, secret } = await this.#session.client.ask(METHODS.credentials, types, { host: name }, signal);
    if (secret === '') return undefined;
    // A token to be traded for others comes without a name.
    return username === '' ? { identityToken: secret } : { username, password: secret };
  }

  /** The tar that a person gave on standard input, from `http://buildkit-session/<id>`. */
  upload(path: string, signal: AbortSignal): Readable {
    if (!this.#session.methods.has(METHODS.upload)) throw unsupported('the client offers no upload of its standard input');
    const call = this.#session.client.open(METHODS.upload, { urlpath: path, urlhost: UPLOAD_HOST }, signal);
    const pieces = async function* () {
      await using scope = call;
      for await (const message of scope.messages()) yield Chunk.decode(message).data;
    };
    call.end();
    return Readable.from(pieces(), { objectMode: false });
  }
}

export const UPLOAD_HOST = 'buildkit-session';
