import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { eventually, must, run } from '../support/command.ts';
import { startGantryRegistry } from '../support/gantry-registry.ts';

test('SIGHUP makes the registry use a renewed certificate, and one that cannot be used leaves the old one', async () => {
  const folder = mkdtempSync('/var/tmp/gantry-tls-');
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  const make = async (name: string, days: string) => {
    const files = ['-keyout', path.join(folder, `${name}.key`), '-out', path.join(folder, `${name}.crt`)];
    const what = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', days];
    await must('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...files, ...what]);
    copyFileSync(path.join(folder, `${name}.crt`), cert);
    copyFileSync(path.join(folder, `${name}.key`), key);
  };
  await make('first', '10');
  const registry = stack.use(await startGantryRegistry({ flags: ['--tls-cert', cert, '--tls-key', key] }));
  const answers = async (authority: string) =>
    (await run('curl', ['-sf', '--cacert', path.join(folder, `${authority}.crt`), `https://${registry.address}/v2/`])).status === 0;
  assert.ok(await answers('first'));
  await make('second', '20');
  assert.ok(!(await answers('second')), 'not before it is told');
  registry.signal('SIGHUP');
  await eventually('the new certificate', async () => (await answers('second')) || undefined);
  assert.ok(!(await answers('first')));
  writeFileSync(cert, 'no certificate at all');
  registry.signal('SIGHUP');
  await eventually('a complaint in the log', async () => /the new certificate cannot be used/.test(registry.log()) || undefined);
  assert.ok(await answers('second'));
});
