import { getSystemErrorName } from 'node:util';
import { GantryError } from '../../base/index.ts';
import { closeSocket, joinNetlinkGroup, openNetlink, receiveDatagram, sendDatagram, setSocketOption } from '../kernel/netlink.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Received,
  textOf,
} from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
/** A kernel that does not answer must not stop the daemon: every answer is there at once. */
const ANSWER_SECONDS = 2;
/** Messages around a transaction of nfnetlink. */
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const MSG_DONTWAIT = 0x40;
const ENOENT = 2;
const EAGAIN = 11;
const ENODEV = 19;
const ENOBUFS = 105;
const RECEIVE_BYTES = 256 * 1024;
/** What one datagram may hold: more would not fit into the send buffer, or its answers into the receive buffer. */
const BATCH_BYTES = 64 * 1024;
const BATCH_MESSAGES = 100;

export interface Answer {
  /** 0, or the negative error number of the kernel. */
  error: number;
  /** What the kernel says about it, often empty. */
  text: string;
}

function openSocket(protocol: number): number {
  const descriptor = openNetlink(protocol);
  if (descriptor < 0) throw new GantryError('internal', `Could not open a netlink socket: errno ${-descriptor}`);
  return descriptor;
}

/** What the kernel tells everybody who listens to one multicast group. */
export class NetlinkEvents implements Disposable {
  readonly #descriptor: number;
  #open = true;

  constructor(protocol: number, group: number) {
    this.#descriptor = openSocket(protocol);
    const joined = joinNetlinkGroup(this.#descriptor, group);
    if (joined < 0) {
      this[Symbol.dispose]();
      throw new GantryError('internal', `Could not listen to netlink group ${group}: errno ${-joined}`);
    }
  }

  /** Everything since the last call, without waiting; 'lost' when there was more than the kernel could keep. */
  poll(): Received[] | 'lost' {
    const events: Received[] = [];
    while (this.#open) {
      const length = receiveDatagram(this.#descriptor, receiveBuffer, MSG_DONTWAIT);
      if (length < 0) {
        if (length === -EAGAIN) break;
        if (length === -ENOBUFS) return 'lost';
        throw new GantryError('internal', `Could not read netlink events: errno ${-length}`);
      }
      events.push(...decodeMessages(Buffer.from(receiveBuffer.subarray(0, length))));
    }
    return events;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSocket(this.#descriptor);
  }
}

/**
 * A conversation with the kernel's networking. It stays in the network namespace of the thread that opened it, so one
 * opened inside a container's namespace configures that container from anywhere, without a process.
 */
export class NetlinkSocket implements Disposable {
  readonly #descriptor: number;
  #sequence = 0;
  #open = true;
  // One conversation at a time: the answers of two would mix.
  #turn: Promise<unknown> = Promise.resolve();

  constructor(protocol: number) {
    this.#descriptor = openSocket(protocol);
    const timeout = Buffer.alloc(16);
    timeout.writeUInt32LE(ANSWER_SECONDS, 0);
    setSocketOption(this.#descriptor, SOL_SOCKET, SO_RCVTIMEO, timeout);
    const on = new Uint8Array([1, 0, 0, 0]);
    setSocketOption(this.#descriptor, SOL_NETLINK, NETLINK_CAP_ACK, on);
    setSocketOption(this.#descriptor, SOL_NETLINK, NETLINK_EXT_ACK, on);
  }

  /**
   * Sends all messages in as few datagrams as possible, off the main thread (the kernel may wait for its own lock), and
   * resolves to the answer of each, in order. One that fails does not keep the others from being done.
   */
  transact(messages: readonly Message[]): Promise<Answer[]> {
    return this.#inTurn(async () => {
      const answers: Answer[] = [];
      for (const batch of this.#batches(messages)) answers.push(...(await this.#exchange(batch)));
      return answers;
    });
  }

  /**
   * One transaction of nfnetlink, in one datagram: all of it happens or nothing. Resolves when it has, and fails with
   * the first complaint.
   */
  transactAtomically(subsystem: number, messages: readonly Message[], what: (index: number) => string): Promise<void> {
    return this.#inTurn(async () => {
      const header = Buffer.from([0, 0, subsystem >> 8, subsystem & 0xff]);
      const begin = encodeMessage({ type: BATCH_BEGIN, flags: NLM_F_REQUEST, body: header }, ++this.#sequence);
      const first = this.#sequence + 1;
      // Only the last is asked to answer: the answers of hundreds would not fit. Complaints come unasked.
      const encoded = messages.map((message, index) => {
        const flags = message.flags | NLM_F_REQUEST | (index === messages.length - 1 ? NLM_F_ACK : 0);
        return encodeMessage({ ...message, flags }, ++this.#sequence);
      });
      const end = encodeMessage({ type: BATCH_END, flags: NLM_F_REQUEST, body: header }, ++this.#sequence);
      await this.#send(Buffer.concat([begin, ...encoded, end]));
      for (let last: Answer | undefined; !last; ) {
        for (const received of this.#receive(MSG_DONTWAIT)) {
          if (received.type !== NLMSG_ERROR || received.sequence < first - 1) continue;
          const answer = answerOf(received);
          if (answer.error !== 0) throw netlinkError(what(received.sequence - first), answer);
          if (received.sequence === first + messages.length - 1) last = answer;
        }
      }
    });
  }

  /** `transact` that fails with the first error, which names `what[i]`. Error numbers in `tolerated` count as success. */
  async require(messages: readonly Message[], what: (index: number) => string, tolerated: readonly number[] = []): Promise<void> {
    const answers = await this.transact(messages);
    answers.forEach((answer, index) => {
      if (answer.error !== 0 && !tolerated.includes(-answer.error)) throw netlinkError(what(index), answer);
    });
  }

  /** Every object that the request asks for. */
  dump(message: Message): Promise<Received[]> {
    return this.#inTurn(async () => {
      const sequence = ++this.#sequence;
      await this.#send(encodeMessage({ ...message, flags: message.flags | NLM_F_REQUEST | NLM_F_DUMP }, sequence));
      const found: Received[] = [];
      for (;;) {
        for (const received of this.#receive(0)) {
          if (received.sequence !== sequence) continue;
          if (received.type === NLMSG_ERROR) throw netlinkError('listing', answerOf(received));
          if (received.type === NLMSG_DONE) return found;
          found.push({ ...received, body: Buffer.from(received.body) });
        }
      }
    });
  }

  /** The one object that the request asks for; undefined when there is none such. */
  find(message: Message): Promise<Received | undefined> {
    return this.#inTurn(async () => {
      const sequence = ++this.#sequence;
      await this.#send(encodeMessage({ ...message, flags: message.flags | NLM_F_REQUEST }, sequence));
      for (;;) {
        for (const received of this.#receive(MSG_DONTWAIT)) {
          if (received.sequence !== sequence) continue;
          if (received.type !== NLMSG_ERROR) return { ...received, body: Buffer.from(received.body) };
          const answer = answerOf(received);
          if (answer.error === -ENODEV || answer.error === -ENOENT) return undefined;
          throw netlinkError('looking up', answer);
        }
      }
    });
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSocket(this.#descriptor);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => {});
    return result;
  }

  *#batches(messages: readonly Message[]): Generator<{ data: Buffer; first: number; count: number }> {
    let parts: Buffer[] = [];
    let size = 0;
    for (const message of messages) {
      const encoded = encodeMessage(asRequest(message), ++this.#sequence);
      if (size + encoded.length > BATCH_BYTES || parts.length === BATCH_MESSAGES) {
        yield { data: Buffer.concat(parts), first: this.#sequence - parts.length, count: parts.length };
        parts = [];
        size = 0;
      }
      parts.push(encoded);
      size += encoded.length;
    }
    if (parts.length > 0) yield { data: Buffer.concat(parts), first: this.#sequence - parts.length + 1, count: parts.length };
  }

  async #exchange({ data, first, count }: { data: Buffer; first: number; count: number }): Promise<Answer[]> {
    await this.#send(data);
    const answers = new Map<number, Answer>();
    // The kernel has done the work when send() returns, so every answer is waiting.
    while (answers.size < count) {
      for (const received of this.#receive(MSG_DONTWAIT)) {
        if (received.type === NLMSG_ERROR) answers.set(received.sequence - first, answerOf(received));
      }
    }
    return Array.from({ length: count }, (_, index) => answers.get(index) ?? { error: 0, text: '' });
  }

  async #send(data: Buffer): Promise<void> {
    if (!this.#open) throw new GantryError('internal', 'The netlink socket is closed');
    const sent = await sendDatagram(this.#descriptor, data);
    if (sent !== data.length) throw new GantryError('internal', `The kernel did not take a netlink request of ${data.length} bytes`);
  }

  #receive(flags: number): Received[] {
    const length = receiveDatagram(this.#descriptor, receiveBuffer, flags);
    if (length < 0) {
      throw new GantryError(
        'internal',
        length === -EAGAIN
          ? 'The kernel left a netlink request without an answer'
          : `Could not read from a netlink socket: errno ${-length}`,
      );
    }
    return decodeMessages(receiveBuffer.subarray(0, length));
  }
}

// Shared by all sockets: it is read to the end before anything else runs.
const receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);

function asRequest(message: Message): Message {
  return { ...message, flags: message.flags | NLM_F_REQUEST | NLM_F_ACK };
}

function answerOf(received: Received): Answer {
  const error = received.body.readInt32LE(0);
  // With a capped answer the original header (16 bytes) follows, then the attributes.
  return { error, text: error === 0 ? '' : textOf(decodeAttributes(received.body, 20).get(1)) };
}

export function netlinkError(what: string, answer: Answer): GantryError {
  const name = getSystemErrorName(answer.error);
  return new GantryError('internal', `${what} failed: ${name}${answer.text ? ` (${answer.text})` : ''}`, {
    cause: Object.assign(new Error(name), { code: name }),
  });
}
