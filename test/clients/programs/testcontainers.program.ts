// What a test suite of a user does with testcontainers. Run by test/clients/libraries.test.ts, on the daemon's network.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { suite, test } from 'node:test';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { RedisContainer } from '@testcontainers/redis';
import { DockerComposeEnvironment, GenericContainer, getContainerRuntimeClient, Network, Wait } from 'testcontainers';

const here = import.meta.dirname;

/** One command in redis' own words, over the published port, as any client would. */
async function askRedis(host: string, port: number, command: string): Promise<string> {
  const socket = connect(port, host);
  socket.write(`${command}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

suite('testcontainers', () => {
  test('a PostgreSQL that is ready when started, with a snapshot to go back to', async () => {
    await using postgres = await new PostgreSqlContainer('gantry/postgres').withDatabase('shop').withUsername('keeper').start();
    const ask = async (sql: string) => {
      const { exitCode, output } = await postgres.exec([
        'psql',
        postgres.getConnectionUri().replace(/@.*\//, '@127.0.0.1:5432/'),
        '-Atc',
        sql,
      ]);
      assert.equal(exitCode, 0, output);
      return output.trim();
    };
    await ask("CREATE TABLE goods (name text); INSERT INTO goods VALUES ('tea')");
    await postgres.snapshot();
    await ask('DELETE FROM goods');
    assert.equal(await ask('SELECT count(*) FROM goods'), '0');
    await postgres.restoreSnapshot();
    assert.equal(await ask('SELECT name FROM goods'), 'tea');
    const socket = connect(postgres.getPort(), postgres.getHost());
    await once(socket, 'connect');
    socket.destroy();
  });

  test('a Redis that keeps its data over a restart', async () => {
    const command = ['redis-server', '--protected-mode', 'no'];
    await using redis = await new RedisContainer('gantry/redis').withCommand(command).start();
    assert.equal(await askRedis(redis.getHost(), redis.getPort(), 'SET key value'), '+OK\r\n');
    assert.equal(await askRedis(redis.getHost(), redis.getPort(), 'SAVE'), '+OK\r\n');
    await redis.restart();
    assert.match(await redis.executeCliCmd('GET', ['key']), /value/);
  });

  test('containers on a network reach each other by their names, with files and logs', async () => {
    await using network = await new Network().start();
    await using _server = await new GenericContainer('gantry/busybox')
      .withNetwork(network)
      .withNetworkAliases('shop')
      .withCopyContentToContainer([{ content: 'open', target: '/srv/index.html' }])
      .withCommand(['sh', '-c', 'echo serving; exec httpd -f -h /srv'])
      .withExposedPorts(80)
      .withWaitStrategy(Wait.forAll([Wait.forLogMessage('serving'), Wait.forHttp('/', 80)]))
      .start();
    await using client = await new GenericContainer('gantry/busybox').withNetwork(network).withCommand(['sleep', '100']).start();
    const { exitCode, stdout } = await client.exec(['wget', '-qO-', 'http://shop']);
    assert.deepEqual([exitCode, stdout.trim()], [0, 'open']);
  });

  test('an image is built from a Dockerfile, and a one-shot container waited for', async () => {
    const image = await GenericContainer.fromDockerfile(path.join(here, '../projects/shop/web')).withBuildArgs({ WHO: 'tester' }).build();
    await using container = await image.withEntrypoint(['cat', '/who']).withWaitStrategy(Wait.forOneShotStartup()).start();
    const logs: string[] = [];
    for await (const chunk of await container.logs()) logs.push(String(chunk));
    assert.equal(logs.join('').trim(), 'tester');
  });

  test('a whole Compose application', async () => {
    const app = await new DockerComposeEnvironment(path.join(here, '../projects/classic'), 'docker-compose.yml')
      .withWaitStrategy('db-1', Wait.forHealthCheck())
      .up(['db', 'clock']);
    try {
      assert.equal((await app.getContainer('db-1').exec(['redis-cli', 'ping'])).output.trim(), 'PONG');
    } finally {
      await app.down({ removeVolumes: true, timeout: 0 });
    }
  });

  test('what is not stopped is left to the reaper', async () => {
    await new GenericContainer('gantry/busybox').withCommand(['sleep', '1000']).start();
  });

  test('it knows what it talks to', async () => {
    const { info } = await getContainerRuntimeClient();
    assert.equal(info.containerRuntime.operatingSystemType, 'linux');
  });
});
