import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { serveFake } from './testing/serve-fake.ts';

const { call, create, raw, fake, socketPath } = serveFake();

describe('streams', () => {
  test('attach carries input and output, and ends after the client ended its half', async () => {
    const id = await create('attached', { Tty: true, OpenStdin: true });
    const answer = await raw(
      `POST /v1.51/containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
      'echo me',
    );
    assert.match(answer, /^HTTP\/1\.1 101 UPGRADED\r\n[^]*Content-Type: application\/vnd\.docker\.raw-stream\r\n[^]*\r\n\r\necho me$/);
  });

  test('exec start reads its body in both forms of hijack', async () => {
    fake.setState(await create('execs'), { status: 'running' });
    for (const [upgrade, status] of [
      ['Connection: Upgrade\r\nUpgrade: tcp\r\n', '101 UPGRADED'],
      ['', '200 OK'],
    ] as const) {
      const answer = await raw(
        `POST /exec/e1/start HTTP/1.1\r\nHost: d\r\n${upgrade}Content-Type: application/json\r\nContent-Length: 30\r\n\r\n{"Detach":false,"Tty":  true }`,
        'typed',
      );
      assert.ok(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer);
      assert.ok(answer.endsWith('\r\n\r\ntyped'), answer);
    }
  });

  test('logs tell by their type that they are framed, since API 1.42', async () => {
    const id = await create('logged');
    const types = [];
    for (const version of ['1.41', '1.42'])
      types.push((await call('GET', `/v${version}/containers/${id}/logs?stdout=1`)).headers['content-type']);
    assert.deepEqual(types, ['application/vnd.docker.raw-stream', 'application/vnd.docker.multiplexed-stream']);
    assert.match((await call('GET', `/containers/${id}/logs`)).json.message, /you must choose at least one stream/);
  });

  test('a websocket attach passes messages both ways', async () => {
    const id = await create('ws', { Tty: true, OpenStdin: true });
    const { WebSocket } = await import('ws');
    const client = new WebSocket(`ws+unix://${socketPath}:/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1`);
    const message = await new Promise<string>((resolve, reject) => {
      client.on('open', () => client.send('hello'));
      client.on('message', (data) => resolve(String(data)));
      client.on('error', reject);
    });
    client.close();
    assert.equal(message, 'hello');
  });

  test('events have the exact nanoseconds and the old fields', async () => {
    const lines = await new Promise<string>((resolve) => {
      const sent = request({ socketPath, path: `/events?filters=${encodeURIComponent('{"type":["container"]}')}` }, (response) => {
        fake.engine.events.publish({ type: 'image', action: 'pull', actor: { id: 'x', attributes: {} }, scope: 'local' });
        fake.engine.events.publish({
          type: 'container',
          action: 'start',
          actor: { id: 'c1', attributes: { image: 'busybox' } },
          scope: 'local',
        });
        response.once('data', (data) => {
          resolve(String(data));
          sent.destroy();
        });
      });
      sent.end();
    });
    assert.equal(
      lines,
      '{"status":"start","id":"c1","from":"busybox","Type":"container","Action":"start","Actor":{"ID":"c1","Attributes":{"image":"busybox"}},"scope":"local","time":1700000000,"timeNano":1700000000123456789}\n',
    );
  });
});
