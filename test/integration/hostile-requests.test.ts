// Names, ids and bodies may be anything: refused with a sentence, and the daemon goes on.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { EngineClient } from '../support/engine-client.ts';
import { startDaemon, type TestDaemon } from '../support/index.ts';
import { assertRefused, LOG_OF_FAILURES } from '../support/refusal.ts';

const IMAGE = 'gantry/busybox';

suite('hostile requests', () => {
  let daemon: TestDaemon;
  let client: EngineClient;
  let pid: number;
  before(async () => {
    daemon = await startDaemon({ images: ['busybox'] });
    client = new EngineClient(daemon.socket);
    pid = daemon.pid;
    await daemon.ok('run', '-d', '--name', 'live', IMAGE, 'sleep', '600');
  });
  after(() => daemon?.[Symbol.asyncDispose]());

  const assertUnharmed = async () => {
    assert.equal(daemon.pid, pid, 'the daemon is another one');
    assert.equal((await client.call('GET', '/_ping')).status, 200);
    assert.doesNotMatch(daemon.log(), LOG_OF_FAILURES);
  };

  test('odd names and ids are refused or not found on every kind of route', async () => {
    const odd = [
      '%0a',
      'a%0ab',
      '%2e%2e',
      '%2e%2e%2f%2e%2e%2fetc',
      '..',
      '../../etc/passwd',
      '%2fetc%2fpasswd',
      '%00',
      'a%00b',
      '%ff%fe',
      '%',
      '%zz',
    ];
    const more = [
      '%F0%9F%90%8B',
      'n'.repeat(10_000),
      '__proto__',
      '%20',
      '%5c..%5c',
      "'%22%60%24(id)",
      '-rf',
      'sha256:%2e%2e',
      `sha256:${'a'.repeat(64)}`,
      '%E2%80%AE',
    ];
    const routes: [string, string, unknown?][] = [
      ['GET', '/containers/@/json'],
      ['POST', '/containers/@/start'],
      ['POST', '/containers/@/kill'],
      ['POST', '/containers/live/kill?signal=@'],
      ['POST', '/containers/@/rename?name=other'],
      ['GET', '/containers/@/logs?stdout=1'],
      ['GET', '/containers/live/logs?stdout=1&since=@'],
      ['GET', '/containers/@/archive?path=/'],
      ['DELETE', '/containers/@'],
      ['POST', '/containers/@/update', {}],
      ['POST', '/containers/@/exec', { Cmd: ['true'] }],
      ['GET', '/exec/@/json'],
      ['POST', '/containers/live/resize?h=@&w=@'],
      ['POST', '/containers/@/wait'],
      ['POST', '/containers/live/wait?condition=@'],
      ['POST', '/containers/create?name=x%2f@', { Image: IMAGE }],
      ['GET', '/images/@/json'],
      ['GET', '/images/@/get'],
      ['DELETE', '/images/@'],
      ['POST', `/images/${IMAGE}/tag?repo=%2e%2e%2f@`],
      ['GET', '/volumes/@'],
      ['DELETE', '/volumes/@'],
      ['GET', '/networks/@'],
      ['GET', '/containers/json?filters=@'],
      ['GET', '/events?until=1&filters=@'],
      ['GET', '/containers/json?limit=@'],
      ['GET', '/v@/info'],
    ];
    for (const [method, pattern, body] of routes)
      for (const name of [...odd, ...more]) {
        const at = pattern.replaceAll('@', name);
        assertRefused(await client.call(method, at, body), `${method} ${at.slice(0, 100)}`);
      }
    for (const Name of ['../x', 'a/b', 'a\nb', '.', '..', 'a\0b', ' ', 'n'.repeat(10_000)])
      assertRefused(await client.call('POST', '/volumes/create', { Name }), `a volume named ${JSON.stringify(Name.slice(0, 20))}`);
    assert.equal(await daemon.ok('ps', '-aq').then((ids) => ids.split('\n').length), 1);
    assert.equal(await daemon.ok('volume', 'ls', '-q'), '');
    await assertUnharmed();
  });

  test('bodies that are no JSON objects, of another type, too deep or too large are refused', async () => {
    const json = { 'content-type': 'application/json' };
    const bodies: [string, unknown, Record<string, string>][] = [
      ['broken JSON', Buffer.from('{'), json],
      ['a list', [], json],
      ['a text', 'x', json],
      ['a number', 7, json],
      ['XML', Buffer.from('<a/>'), { 'content-type': 'text/xml' }],
      ['a form', Buffer.from('a=b'), { 'content-type': 'application/x-www-form-urlencoded' }],
      ['a million brackets', Buffer.from(`{"Image":${'['.repeat(1e6)}${']'.repeat(1e6)}}`), json],
      ['64 MiB', Buffer.alloc(64 * 2 ** 20, ' '), json],
    ];
    const routes = ['/containers/create', '/containers/live/exec', '/containers/live/update', '/volumes/create', '/auth'];
    for (const [what, body, headers] of bodies)
      for (const route of routes) assertRefused(await client.call('POST', route, body, headers), `${what} for ${route}`);
    await assertUnharmed();
  });

  test('fields of wrong types are refused by name, and what is taken can be started or says why not', async () => {
    const values = [7, -1, 1.5, 'x', true, [], {}, [null], [7], [{}], { a: null }, { a: 7 }, '\0', 'a\nb', '../../..', 1e300];
    const fields = [
      'Hostname',
      'User',
      'Env',
      'Cmd',
      'Entrypoint',
      'Labels',
      'Volumes',
      'WorkingDir',
      'StopSignal',
      'StopTimeout',
      'ExposedPorts',
      'Healthcheck',
      'NetworkingConfig',
      'HostConfig',
    ];
    const hostFields = [
      'Binds',
      'Mounts',
      'NetworkMode',
      'PortBindings',
      'RestartPolicy',
      'VolumesFrom',
      'CapAdd',
      'Dns',
      'ExtraHosts',
      'GroupAdd',
      'IpcMode',
      'Links',
      'PidMode',
      'SecurityOpt',
      'Tmpfs',
      'ShmSize',
      'Sysctls',
      'Runtime',
      'Memory',
      'NanoCpus',
      'CgroupParent',
      'CpusetCpus',
      'Devices',
      'PidsLimit',
      'Ulimits',
      'MaskedPaths',
      'LogConfig',
      'Annotations',
    ];
    const made: string[] = [];
    const attempt = async (what: string, body: object) => {
      const reply = await client.call('POST', '/containers/create', { Image: IMAGE, Cmd: ['true'], ...body });
      if (reply.status === 201) return void made.push((JSON.parse(reply.body.toString()) as { Id: string }).Id);
      if (reply.status === 501) return; // Understood, and not offered here.
      assertRefused(reply, what);
    };
    for (const value of values) {
      for (const field of fields) await attempt(`${field} ${JSON.stringify(value)}`, { [field]: value });
      for (const field of hostFields) await attempt(`HostConfig.${field} ${JSON.stringify(value)}`, { HostConfig: { [field]: value } });
    }
    assert.ok(made.length > 0 && made.length < 200, `${made.length} were taken`);
    for (const id of made) {
      const reply = await client.call('POST', `/containers/${id}/start`);
      if (reply.status !== 204) assertRefused(reply, `start of ${id}`);
      await client.call('DELETE', `/containers/${id}?force=1&v=1`);
    }
    await assertUnharmed();
  });
});
