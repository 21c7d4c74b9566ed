import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { bindInet, connectInet, netlink, openInet } from '../../host/index.ts';
import { formatIp, ipOfBytes } from '../addresses/index.ts';
import { encodeName, TYPE } from '../resolver/packet.ts';

/** What a resolver said. */
export interface Said {
  code: number;
  truncated: boolean;
  /** Addresses and names as text, in the order of the answer. */
  answers: string[];
}

export interface Ask {
  type?: keyof typeof TYPE;
  transport?: 'udp' | 'tcp';
  /** Bytes that the client says it takes. */
  room?: number;
}

const RESOLVER = Uint8Array.of(127, 0, 0, 11);
/** Clients ask again after five, resolv.conf(5); tests run on busy machines. */
const TOO_LATE_MILLISECONDS = 20_000;

export function questionFor(name: string, { type = 'A', room }: Ask = {}, id = 0x1234): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, room === undefined ? 0 : 1]);
  const options = room === undefined ? [] : [Buffer.from([0, 0, TYPE.OPT, room >> 8, room & 255, 0, 0, 0, 0, 0, 0])];
  return Buffer.concat([header, encodeName(name), Buffer.from([0, TYPE[type], 0, 1]), ...options]);
}

/** Asks 127.0.0.11 in a namespace, as a program there would. Fails when there is no answer. */
export async function lookUp(namespace: string, name: string, ask: Ask = {}): Promise<Said> {
  return readAnswer(await exchange(namespace, questionFor(name, ask), ask.transport));
}

/** Sends any bytes, and resolves to what comes back. */
export async function exchange(namespace: string, packet: Buffer, transport: 'udp' | 'tcp' = 'udp'): Promise<Buffer> {
  const signal = AbortSignal.timeout(TOO_LATE_MILLISECONDS);
  if (transport === 'udp') {
    const socket = dgram.createSocket('udp4');
    const fd = netlink.insideNamespace(namespace, () => openInet('udp', 4));
    bindInet(fd, Uint8Array.of(0, 0, 0, 0), 0);
    socket.bind({ fd }, () => socket.send(packet, 53, '127.0.0.11'));
    try {
      const [answer] = await once(socket, 'message', { signal });
      return answer;
    } finally {
      socket.close();
    }
  }
  const fd = netlink.insideNamespace(namespace, () => openInet('tcp', 4));
  connectInet(fd, RESOLVER, 53);
  const socket = new net.Socket({ fd });
  try {
    socket.write(Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]));
    let received = Buffer.alloc(0);
    while (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) {
      const [data] = await once(socket, 'data', { signal });
      received = Buffer.concat([received, data]);
    }
    return received.subarray(2);
  } finally {
    socket.destroy();
  }
}

/** Answers of the forms that the resolver writes: each name is the one of the question. */
export function readAnswer(packet: Buffer): Said {
  const flags = packet.readUInt16BE(2);
  let at = 12;
  for (let length = packet[at]; length; length = packet[at]) at += 1 + length;
  at += 5;
  const answers: string[] = [];
  for (let count = packet.readUInt16BE(6); count > 0; count -= 1) {
    const type = packet.readUInt16BE(at + 2);
    const data = packet.subarray(at + 12, at + 12 + packet.readUInt16BE(at + 10));
    answers.push(type === TYPE.PTR ? readName(data) : formatIp(ipOfBytes(data)));
    at += 12 + data.length;
  }
  return { code: flags & 15, truncated: (flags & 0x0200) !== 0, answers };
}

function readName(data: Buffer): string {
  const labels: string[] = [];
  for (let at = 0; data[at]; at += 1 + (data[at] ?? 0)) labels.push(data.toString('latin1', at + 1, at + 1 + (data[at] ?? 0)));
  return labels.join('.');
}
