import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Spawned, spawn } from './processes.ts';
import { connectSeqpacket } from './sockets.ts';

// Node can't listen on such a socket: the peer is a few lines of Python. argv: socket name, then what to do.
const PEER = `
import os, socket, sys
os.chdir(sys.argv[1])
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); listener.bind('s'); listener.listen(1)
print('ready', flush=True)
peer, _ = listener.accept()
sizes = []
while True:
    data = peer.recv(65536)
    if not data: break
    sizes.append(len(data))
peer.send(b'%d %d' % (max(sizes), sum(sizes)))
for _ in range(3000): peer.send(b'x' * 8193)
peer.send(b'last')
`;

let root = '';
let folder = '';
before(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-host-'));
  folder = join(root, 'd'.repeat(150));
  mkdirSync(folder);
});
after(() => rmSync(root, { recursive: true }));

async function startPeer(): Promise<Spawned> {
  const peer = await spawn('python3', ['-c', PEER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (peer.stdout) await once(peer.stdout, 'data');
  return peer;
}

test('connectSeqpacket() keeps packets apart both ways on a long path, half closed and paused', async () => {
  const peer = await startPeer();
  const connection = await connectSeqpacket(join(folder, 's'));
  const packets: Buffer[] = [];
  let whilePaused = 0;
  connection.onPacket((packet) => {
    packets.push(packet);
    if (packets.length !== 100) return;
    connection.pause();
    setTimeout(() => {
      whilePaused = packets.length - 100;
      connection.resume();
    }, 30);
  });
  const ended = new Promise<Error | undefined>((resolve) => connection.onEnd(resolve));
  await Promise.all([connection.write(Buffer.alloc(1_000_000)), connection.write(Buffer.from('end')), connection.shutdownWrite()]);
  assert.equal(await ended, undefined);
  connection.close();
  connection.close();
  assert.equal(packets[0]?.toString(), '8192 1000003');
  assert.equal(packets.length, 3002);
  assert.ok(packets.slice(1, -1).every((packet) => packet.length === 8193));
  assert.equal(packets.at(-1)?.toString(), 'last');
  assert.equal(whilePaused, 0);
  assert.equal((await peer.exit).code, 0);
  await assert.rejects(connection.write(Buffer.from('x')), /The connection is closed/);
  await assert.rejects(connectSeqpacket(join(folder, 's')), { code: 'ECONNREFUSED' });
});

test('connectSeqpacket() fails with ENOENT where there is no socket', async () => {
  await assert.rejects(connectSeqpacket(join(root, 'missing')), { code: 'ENOENT' });
});
