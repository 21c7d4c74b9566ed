import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { FAKE_IMAGE } from './testing/fake-engine.ts';
import { type Json, serveFake } from './testing/serve-fake.ts';

const { call, create, raw, fake, clock, socketPath } = serveFake();

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

describe('images and what is not here', () => {
  test('fields of images follow the version', async () => {
    const old = (await call('GET', '/v1.24/images/json')).json[0];
    const current = (await call('GET', '/v1.51/images/json')).json[0];
    assert.deepEqual([old.VirtualSize, old.Containers, current.VirtualSize, current.Containers], [1234, -1, undefined, 0]);
    assert.equal((await call('GET', '/v1.51/images/busybox:latest/json')).json.Id, FAKE_IMAGE.id);
  });

  for (const [method, path, status, complaint] of [
    ['GET', '/services', 503, /This node is not a swarm manager/],
    ['POST', '/commit', 400, /invalid name or ID supplied/],
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
