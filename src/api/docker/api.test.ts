import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { silentLog, systemClock } from '../../base/index.ts';
import { HttpServer } from '../http/index.ts';
import { createDockerApi } from './api.ts';
import { FAKE_IMAGE, fakeEngine } from './fake-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'gantry-docker-'));
const socketPath = join(folder, 'api.sock');
const clock = systemClock();
const fake = fakeEngine(clock);
const server = new HttpServer({
  handler: createDockerApi({ engine: fake.engine, clock, log: silentLog, version: '9.9.9' }),
  log: silentLog,
});

before(() => server.listen({ kind: 'unix', path: socketPath }));
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => fake.records.splice(0));

// biome-ignore lint/suspicious/noExplicitAny: answers are read as a client without types reads them
type Json = any;

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json: Json;
}

function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const sent = request(
      {
        socketPath,
        method,
        path,
        headers: {
          ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(payload)) }),
          ...headers,
        },
      },
      (response) => {
        let text = '';
        response.on('data', (data) => (text += data));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined,
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(payload);
  });
}

async function create(name: string, body: Record<string, unknown> = {}): Promise<string> {
  const answer = await call('POST', `/v1.51/containers/create?name=${name}`, { Image: 'busybox', ...body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.Id;
}

describe('versions', () => {
  test('a client that is too new or too old is told the versions that are spoken', async () => {
    const tooNew = await call('GET', '/v1.99/containers/json');
    assert.deepEqual([tooNew.status, tooNew.json.message], [400, 'client version 1.99 is too new. Maximum supported API version is 1.51']);
    const tooOld = await call('GET', '/v1.12/info');
    assert.equal(tooOld.status, 400);
    assert.match(tooOld.json.message, /client version 1\.12 is too old\. Minimum supported API version is 1\.24/);
  });

  test('bare and versioned paths answer alike, with the headers that clients read', async () => {
    for (const path of ['/_ping', '/v1.24/_ping']) {
      const answer = await call('GET', path);
      assert.equal(answer.text, 'OK');
      assert.deepEqual(
        [answer.headers['api-version'], answer.headers['ostype'], answer.headers['docker-experimental'], answer.headers['builder-version']],
        ['1.51', 'linux', 'false', '1'],
      );
    }
    assert.equal((await call('HEAD', '/_ping')).headers['content-length'], '0');
  });

  test('an unknown path and an unknown method get "page not found"', async () => {
    for (const [method, path] of [
      ['GET', '/v1.51/nothing'],
      ['PATCH', '/containers/json'],
    ] as const) {
      const answer = await call(method, path);
      assert.deepEqual([answer.status, answer.json], [404, { message: 'page not found' }]);
    }
  });
});

describe('containers', () => {
  test('create and inspect give back what was asked, completed by defaults', async () => {
    const id = await create('web', {
      Env: ['A=1'],
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { Binds: ['/srv:/srv:ro'], PortBindings: { '80/tcp': [{ HostPort: '8080' }] }, Memory: 64 << 20 },
    });
    const { json } = await call('GET', '/v1.51/containers/web/json');
    assert.equal(json.Id, id);
    assert.equal(json.Name, '/web');
    assert.deepEqual(json.HostConfig.Binds, ['/srv:/srv:ro']);
    assert.equal(json.HostConfig.MemorySwap, 128 << 20);
    assert.equal(json.HostConfig.NetworkMode, 'bridge');
    assert.deepEqual(json.HostConfig.RestartPolicy, { Name: 'no', MaximumRetryCount: 0 });
    assert.deepEqual(json.Mounts, [{ Type: 'bind', Source: '/srv', Destination: '/srv', Mode: 'ro', RW: false, Propagation: 'rprivate' }]);
    assert.deepEqual(json.Config.ExposedPorts, { '80/tcp': {} });
    assert.deepEqual(json.NetworkSettings.Ports, {});
  });

  test('inspect follows the record when its state changes', async () => {
    const id = await create('changing');
    assert.equal((await call('GET', `/containers/${id}/json`)).json.State.Running, false);
    fake.setState(id, {
      status: 'running',
      pid: 7,
      publishedPorts: [{ containerPort: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080 }],
    });
    const { json } = await call('GET', `/containers/${id}/json`);
    assert.deepEqual([json.State.Running, json.State.Pid], [true, 7]);
    assert.deepEqual(json.NetworkSettings.Ports, { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] });
  });

  test('list shows running ones, with all every one, newest first', async () => {
    await create('first');
    const second = await create('second', { Labels: { tier: 'db' } });
    fake.setState(second, { status: 'running', startedAt: clock.timestamp() });
    assert.deepEqual(
      (await call('GET', '/containers/json')).json.map((c: Json) => [c.Names, c.Image, c.ImageID, c.State]),
      [[['/second'], 'busybox', FAKE_IMAGE.id, 'running']],
    );
    assert.deepEqual(
      (await call('GET', '/containers/json?all=1')).json.map((c: Json) => c.Names[0]),
      ['/second', '/first'],
    );
    const byLabel = await call('GET', `/containers/json?all=1&filters=${encodeURIComponent('{"label":["tier=db"],"name":["^/second$"]}')}`);
    assert.equal(byLabel.json.length, 1);
    assert.match(byLabel.json[0].Status, /^Up /);
  });

  test('malformed filters are 400 with the name of the filter', async () => {
    for (const [filters, complaint] of [
      ['{"status":["happy"]}', /invalid filter 'status=happy'/],
      ['{"exited":["x"]}', /invalid filter 'exited=x'/],
      ['{"size":["1"]}', /invalid filter 'size'/],
    ] as const) {
      const answer = await call('GET', `/containers/json?filters=${encodeURIComponent(filters)}`);
      assert.equal(answer.status, 400);
      assert.match(answer.json.message, complaint);
    }
  });

  test('bodies that are not what they should be are 400 with a sentence', async () => {
    const cases: [unknown, Record<string, string>, RegExp][] = [
      ['{"Image":', {}, /invalid JSON/],
      ['[]', {}, /expected an object/],
      ['{"Image":"busybox"}', { 'Content-Type': 'text/plain' }, /unsupported Content-Type header/],
      [{ Image: 7 }, {}, /Image must be a string/],
      [undefined, {}, /Config cannot be empty/],
    ];
    for (const [body, headers, complaint] of cases) {
      const answer = await call('POST', '/containers/create', body, headers);
      assert.equal(answer.status, 400);
      assert.match(answer.json.message, complaint);
    }
  });

  test('an unknown container is 404, also when the connection was to be hijacked', async () => {
    assert.deepEqual((await call('GET', '/containers/nope/json')).json, { message: 'No such container: nope' });
    const answer = await raw(
      'POST /containers/nope/attach?stream=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
      '',
    );
    assert.match(answer, /^HTTP\/1\.1 404 [^]*No such container: nope/);
  });

  test('wait sends its headers before the result', async () => {
    const id = await create('waited');
    const events: string[] = [];
    await new Promise<void>((resolve) => {
      request({ socketPath, method: 'POST', path: `/containers/${id}/wait?condition=next-exit` }, (response) => {
        events.push('headers');
        response.on('data', (data) => events.push(String(data).trim()));
        response.on('end', resolve);
      }).end();
    });
    assert.deepEqual(events, ['headers', '{"StatusCode":7}']);
    assert.match((await call('POST', `/containers/${id}/wait?condition=never`)).json.message, /invalid condition: "never"/);
  });
});

/** Sends `head`; once an answer begins, `typed`, then ends its half. Resolves to all that came. */
function raw(head: string, typed: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = connect({ path: socketPath, allowHalfOpen: true });
    let received = '';
    client.setTimeout(3000, () => client.destroy(new Error('no answer')));
    client.write(head);
    client.on('data', (data) => {
      if (received === '') client.end(typed);
      received += data.toString('latin1');
    });
    client.on('end', () => resolve(received));
    client.on('error', reject);
  });
}

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

describe('images and what is not here', () => {
  test('fields of images follow the version', async () => {
    const old = (await call('GET', '/v1.24/images/json')).json[0];
    const current = (await call('GET', '/v1.51/images/json')).json[0];
    assert.deepEqual([old.VirtualSize, old.Containers, current.VirtualSize, current.Containers], [1234, -1, undefined, 0]);
    assert.equal((await call('GET', '/v1.51/images/busybox:latest/json')).json.Id, FAKE_IMAGE.id);
  });

  for (const [method, path, status, complaint] of [
    ['GET', '/services', 503, /This node is not a swarm manager/],
    ['POST', '/build', 501, /building images is not supported yet/],
    ['POST', '/commit?container=a', 501, /commit is not supported yet/],
    ['POST', '/networks/create', 501, /user-defined networks are not supported yet/],
    ['POST', '/session', 501, /build sessions/],
    ['GET', '/images/missing/json', 404, /No such image: missing/],
  ] as const) {
    test(`${method} ${path} answers ${status} with a sentence`, async () => {
      const answer = await call(method, path, method === 'POST' ? {} : undefined);
      assert.equal(answer.status, status);
      assert.match(answer.json.message, complaint);
    });
  }
});
