import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { silentLog } from '../../base/index.ts';
import { listen } from './listen.ts';

suite('requests of web pages', () => {
  let server: AsyncDisposable & { address: string };
  before(async () => {
    server = await listen({ host: 'tcp://127.0.0.1:0', log: silentLog }, (exchange) => exchange.send(200, 'secret', 'text/plain'));
  });
  after(() => server[Symbol.asyncDispose]());

  const send = (headers: Record<string, string>, method = 'GET') =>
    new Promise<string>((resolve, reject) => {
      const port = Number(server.address.split(':').at(-1));
      const sent = request({ host: '127.0.0.1', port, method, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (data) => (text += data));
        response.on('end', () => resolve(`${response.statusCode} ${text}`));
      });
      sent.on('error', reject);
      sent.end();
    });

  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-origin' },
    { host: 'rebound.evil.example:2375' },
  ])
    test(`${JSON.stringify(headers)} is refused`, async () => {
      assert.match(await send(headers), /^403 .*has no TLS/);
      assert.match(await send(headers, 'POST'), /^403 /);
    });

  for (const headers of [{}, { host: '127.0.0.1:2375' }, { host: '[::1]:2375' }, { host: 'docker:2375' }, { host: 'api.moby.localhost' }])
    test(`${JSON.stringify(headers)} is answered`, async () => assert.equal(await send(headers as Record<string, string>), '200 secret'));
});
