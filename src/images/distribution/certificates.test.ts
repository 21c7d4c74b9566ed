import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '../../base/index.ts';
import { run } from '../../host/index.ts';
import { readCertificates } from './certificates.ts';
import { Repository } from './repository.ts';
import { TokenCache } from './tokens.ts';
import { Transport } from './transport.ts';

/** What the server says beside 200. Nobody listens on port 1. */
const ANSWERS: Record<string, [status: number, headers: Record<string, string>]> = {
  'GET /v2/app/blobs/down': [307, { location: 'http://127.0.0.1:1/blob' }],
  'GET /v2/app/blobs/token': [401, { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token",service="s"' }],
};

suite('TLS', { timeout: 30_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-certificates-'));
  const file = (name: string) => join(folder, name);
  let server: Server;
  let host: string;

  before(async () => {
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=127.0.0.1',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      file('key'),
      '-out',
      file('cert'),
    ]);
    server = createServer(
      {
        key: readFileSync(file('key')),
        cert: readFileSync(file('cert')),
        ca: readFileSync(file('cert')),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const [status, headers] = ANSWERS[`${request.method} ${request.url}`] ?? [200, {}];
        response.writeHead(status, headers).end(String((request.socket as TLSSocket).authorized));
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(options: { insecure: boolean; folders?: string[] }): Promise<string> {
    const transport = new Transport({ certificateFolders: options.folders ?? [], userAgent: 'test', stallTimeout: 2000 });
    try {
      const { body } = await transport.request({
        method: 'GET',
        url: new URL(`https://${host}/v2/`),
        insecure: options.insecure,
        signal: new AbortController().signal,
      });
      return (await body.setEncoding('utf8').toArray()).join('');
    } finally {
      transport.close();
    }
  }

  test('a certificate that nobody vouches for is refused, except at an insecure registry', async () => {
    await assert.rejects(ask({ insecure: false }), /the certificate was refused: self-signed certificate/);
    assert.equal(await ask({ insecure: true }), 'false');
  });

  /** One repository at the server, whose certificate is known. */
  function repository(transport: Transport) {
    const own = join(folder, 'known', host);
    mkdirSync(own, { recursive: true });
    copyFileSync(file('cert'), join(own, 'ca.crt'));
    return new Repository({
      transport,
      tokens: new TokenCache(transport, systemClock()),
      clock: systemClock(),
      endpoint: { origin: `https://${host}`, insecure: false, mirror: false },
      path: 'app',
      actions: 'pull',
      credentials: { username: 'anna', password: 'secret' },
    });
  }

  const downgrades: [what: string, target: string, method: 'GET' | 'POST', says: RegExp][] = [
    ['a blob', 'blobs/down', 'GET', /redirected from HTTPS to plain HTTP at 127\.0\.0\.1:1/],
    ['an upload', 'http://127.0.0.1:1/upload', 'POST', /sends us on to plain HTTP at 127\.0\.0\.1:1/],
    ['a password', 'blobs/token', 'GET', /asks to send the password in the clear to 127\.0\.0\.1:1; it was not sent/],
  ];
  for (const [what, target, method, says] of downgrades) {
    test(`a registry with TLS cannot send us to plain HTTP with ${what}`, async () => {
      const transport = new Transport({ certificateFolders: [join(folder, 'known')], userAgent: 'test', stallTimeout: 2000 });
      try {
        const calling = repository(transport).call(target, { method, expect: [200], signal: new AbortController().signal });
        await assert.rejects(calling, says);
      } finally {
        transport.close();
      }
    });
  }

  test('certs.d says whom to trust for one host, and who we are', async () => {
    const own = join(folder, 'certs.d', host);
    mkdirSync(own, { recursive: true });
    copyFileSync(file('cert'), join(own, 'ca.crt'));
    assert.equal(await ask({ insecure: false, folders: [join(folder, 'certs.d')] }), 'false');
    copyFileSync(file('cert'), join(own, 'client.cert'));
    assert.throws(() => readCertificates(host, [join(folder, 'certs.d')]), /missing key client\.key for client certificate client\.cert/);
    copyFileSync(file('key'), join(own, 'client.key'));
    assert.equal(await ask({ insecure: false, folders: [join(folder, 'certs.d')] }), 'true');
    assert.deepEqual(readCertificates('elsewhere', [join(folder, 'certs.d')]), { pairs: [] });
  });
});
