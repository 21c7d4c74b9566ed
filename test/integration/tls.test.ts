// tcp needs mutual TLS, unless it is on loopback and asked for by name.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { must, PROJECT, run, startDaemon } from '../support/index.ts';

suite('tcp sockets', () => {
  const folder = mkdtempSync('/var/tmp/gantry-tls-');
  const at = (name: string) => path.join(folder, name);
  before(async () => {
    await authority('ca');
    await authority('stranger');
    await certificate('server', 'ca', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n');
    await certificate('client', 'ca', 'extendedKeyUsage=clientAuth\n');
    await certificate('impostor', 'stranger', 'extendedKeyUsage=clientAuth\n');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function authority(name: string): Promise<void> {
    await must('openssl', [
      ...'req -x509 -newkey ed25519 -nodes -days 2 -subj'.split(' '),
      `/CN=${name}`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.pem`),
    ]);
  }

  async function certificate(name: string, issuer: string, extensions: string): Promise<void> {
    writeFileSync(at(`${name}.cnf`), extensions);
    await must('openssl', [
      ...'req -newkey ed25519 -nodes -subj'.split(' '),
      `/CN=${name}`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.csr`),
    ]);
    await must('openssl', [
      'x509',
      '-req',
      '-days',
      '2',
      '-in',
      at(`${name}.csr`),
      '-CA',
      at(`${issuer}.pem`),
      '-CAkey',
      at(`${issuer}.key`),
      '-extfile',
      at(`${name}.cnf`),
      '-out',
      at(`${name}.pem`),
    ]);
  }

  test('with --tlsverify only clients whose certificate the authority signed get in', async () => {
    const address = 'tcp://127.0.0.1:2376';
    const flags = [
      '--host',
      address,
      '--tlsverify',
      '--tlscacert',
      at('ca.pem'),
      '--tlscert',
      at('server.pem'),
      '--tlskey',
      at('server.key'),
    ];
    await using daemon = await startDaemon({ flags });
    const as = (name: string) =>
      daemon.docker(
        '-H',
        address,
        '--tlsverify',
        '--tlscacert',
        at('ca.pem'),
        '--tlscert',
        at(`${name}.pem`),
        '--tlskey',
        at(`${name}.key`),
        'version',
        '--format',
        '{{.Server.APIVersion}}',
      );
    const known = await as('client');
    assert.equal(known.stdout, '1.51\n', known.stderr);
    assert.notEqual((await as('impostor')).status, 0);
    const plain = await daemon.docker('-H', address, 'version');
    assert.notEqual(plain.status, 0);
    assert.equal(await daemon.ok('version', '--format', '{{.Server.APIVersion}}'), '1.51', 'the unix socket goes on');
  });

  test('on loopback it is plain when --tls=false says so', async () => {
    await using daemon = await startDaemon({ flags: ['--host', 'tcp://127.0.0.1:2375', '--tls=false'] });
    assert.equal(await daemon.ok('-H', 'tcp://127.0.0.1:2375', 'version', '--format', '{{.Server.APIVersion}}'), '1.51');
  });

  test('anything else is refused before anything is made', async () => {
    const { status, stderr } = await run(path.join(PROJECT, 'bin/gantryd'), [
      '-H',
      'tcp://0.0.0.0:2375',
      '--tls=false',
      '--data-root',
      at('data'),
      '--exec-root',
      at('run'),
    ]);
    assert.equal(status, 1);
    assert.match(stderr, /refusing to listen on tcp:\/\/0\.0\.0\.0:2375 without mutual TLS/);
    assert.notEqual((await run('ls', [at('data')])).status, 0);
  });
});
