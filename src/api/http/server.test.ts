import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '../../base/index.ts';
import type { Exchange } from './exchange.ts';
import { HttpServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'gantry-http-'));
const path = join(folder, 'api.sock');
const aborted: string[] = [];

async function handle(exchange: Exchange): Promise<void> {
  if (exchange.path === '/echo') {
    await exchange.json();
    const socket = await exchange.hijack('application/vnd.docker.raw-stream');
    socket.on('data', (data) => socket.write(data));
    socket.on('end', () => setTimeout(() => socket.end('after your end'), 20));
    return;
  }
  if (exchange.path === '/slow') {
    exchange.signal.addEventListener('abort', () => aborted.push('slow'));
    exchange.stream(200, 'text/plain');
    return;
  }
  exchange.sendJson(200, { body: (await exchange.json()) ?? null });
}

const server = new HttpServer({
  handler: (exchange) => handle(exchange).catch((error: Error) => exchange.send(400, error.message, 'text/plain')),
  log: silentLog,
});
before(() => server.listen({ kind: 'unix', path }));
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Writes `head`, and after the first answer each of `later`, then ends its half. Resolves to all that came. */
function talk(head: string, later: string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const client: Socket = connect({ path, allowHalfOpen: true });
    let received = '';
    client.setTimeout(3000, () => client.destroy(new Error(`no answer to ${head}`)));
    client.write(head);
    client.on('data', (data) => {
      if (received === '' && later.length > 0) {
        for (const text of later) client.write(text);
        client.end();
      }
      received += data.toString();
    });
    client.on('end', () => {
      client.end();
      resolve(received);
    });
    client.on('error', reject);
  });
}

describe('hijack', () => {
  test('hijack() answers 101 to an upgrade, reads the body first and half-closes both ways', async () => {
    const answer = await talk(
      'POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
      ['ping'],
    );
    assert.match(answer, /^HTTP\/1\.1 101 UPGRADED\r\n/);
    assert.match(answer, /\r\nUpgrade: tcp\r\n/);
    assert.match(answer, /\r\n\r\npingafter your end$/);
  });

  test('hijack() answers 200 to a plain POST and passes raw bytes, even those that look like HTTP', async () => {
    const answer = await talk('POST /echo HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}', [
      'GET / HTTP/1.1\r\n\r\n',
    ]);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\r\n\r\nGET \/ HTTP\/1\.1\r\n\r\nafter your end$/);
  });

  test('an upgrade with a chunked body is read whole', async () => {
    const answer = await talk(
      'POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
      ['x'],
    );
    assert.match(answer, /101 UPGRADED[^]*\r\n\r\nxafter your end$/);
  });

  for (const body of ['{}', '']) {
    test(`an upgrade on a used connection, its body (${body.length} bytes) in a packet of its own, works alike`, async () => {
      const client = connect({ path, allowHalfOpen: true });
      let received = '';
      client.on('data', (data) => (received += data));
      const until = async (text: string) => {
        for (let wait = 0; !received.includes(text) && wait < 200; wait += 1) await new Promise((resolve) => setTimeout(resolve, 10));
        assert.ok(received.includes(text), received);
      };
      client.write('GET / HTTP/1.1\r\nHost: d\r\n\r\n');
      await until('"body":null');
      client.write(
        `POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      await new Promise((resolve) => setTimeout(resolve, 30));
      client.write(body);
      await until('101 UPGRADED');
      client.write('ping');
      await until('\r\n\r\nping');
      client.end();
      await until('pingafter your end');
      client.destroy();
    });
  }

  test('what comes right behind the head of an upgrade is not lost', async () => {
    assert.match(
      await talk('POST /echo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly', [' late']),
      /101 UPGRADED[^]*\r\n\r\nearly lateafter your end$/,
    );
  });

  test('an upgrade that is refused gets a plain answer', async () => {
    const answer = await talk('POST /other HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 3\r\n\r\n{x}');
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /invalid JSON/);
  });

  test('a request for h2c is answered as a plain one', async () => {
    const answer = await talk('GET / HTTP/1.1\r\nHost: d\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
  });
});

describe('bodies', () => {
  for (const [body, type, expected] of [
    ['{"a":', 'application/json', /invalid JSON/],
    ['['.repeat(101), 'application/json', /nested deeper than 100 levels/],
    ['[1]', 'application/json', /expected an object, got an array/],
    ['{}', 'text/plain', /unsupported Content-Type header \(text\/plain\)/],
  ] as const) {
    test(`${body.slice(0, 20)} as ${type} is refused with a sentence`, async () => {
      const answer = await talk(
        `POST / HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.match(answer, expected);
    });
  }

  test('bytes that are not HTTP get 400 and a sentence', async () => {
    assert.match(await talk('EHLO gantry\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request[^]*not a valid HTTP request/);
  });
});

describe('life', () => {
  test('headers of a stream leave before its body, and the signal aborts when the client goes', async () => {
    const client = connect(path);
    client.write('GET /slow HTTP/1.1\r\nHost: d\r\n\r\n');
    const head = await new Promise<Buffer>((resolve) => client.once('data', resolve));
    assert.match(head.toString(), /^HTTP\/1\.1 200 OK/);
    client.destroy();
    for (let wait = 0; aborted.length === 0 && wait < 100; wait += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(aborted, ['slow']);
  });

  test('the socket is for root and the group only', () => {
    assert.equal(statSync(path).mode & 0o777, 0o660);
  });

  test('listen() refuses a socket on which somebody listens, and takes over a stale one', async () => {
    const rival = new HttpServer({ handler: handle, log: silentLog });
    await assert.rejects(rival.listen({ kind: 'unix', path }), /another process listens there/);
    const stale = join(folder, 'stale.sock');
    const dead = createServer().listen(stale);
    await new Promise((resolve) => dead.once('listening', resolve));
    // As after kill -9: the file stays, and nobody listens.
    await import('node:fs').then((fs) => fs.renameSync(stale, `${stale}.kept`));
    await new Promise((resolve) => dead.close(resolve));
    await import('node:fs').then((fs) => fs.renameSync(`${stale}.kept`, stale));
    await rival.listen({ kind: 'unix', path: stale });
    assert.ok(existsSync(stale));
    await rival.close();
  });

  test('listen() never replaces a file that is no socket', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    chmodSync(file, 0o600);
    await assert.rejects(new HttpServer({ handler: handle, log: silentLog }).listen({ kind: 'unix', path: file }), /not a socket/);
  });
});
