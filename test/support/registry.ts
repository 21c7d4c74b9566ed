import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { eventually, must } from './command.ts';
import { imageFile, type TestImage } from './images.ts';
import type { TestHost } from './test-host.ts';

/** Debian's docker-registry on the loopback of a test host. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, the first part of its images' names. */
  readonly address: string;
  /** Puts a test image in, under `repository:tag`. `format` is the manifest's kind. */
  add(image: TestImage, name: string, format?: 'oci' | 'v2s2'): Promise<void>;
}

/** With `htpasswd`, the text of such a file (bcrypt), it wants basic authentication. */
export async function startRegistry(host: TestHost, port = 5000, { htpasswd }: { htpasswd?: string } = {}): Promise<TestRegistry> {
  const root = mkdtempSync('/var/tmp/gantry-registry-');
  const address = `127.0.0.1:${port}`;
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: path.join(root, 'data') }, delete: { enabled: true } },
    http: { addr: address },
    ...(htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: path.join(root, 'htpasswd') } } }),
  };
  if (htpasswd !== undefined) writeFileSync(path.join(root, 'htpasswd'), htpasswd);
  // YAML reads JSON.
  writeFileSync(path.join(root, 'config.yml'), JSON.stringify(config));
  const [command, args] = host.inside('docker-registry', ['serve', path.join(root, 'config.yml')]);
  const child = spawn(command, args, { stdio: 'ignore' });
  await eventually('docker-registry to answer', async () => (await host.run('curl', ['-s', `http://${address}/v2/`])).status === 0);
  return {
    address,
    async add(image, name, format = 'v2s2') {
      const from = `docker-archive:${await imageFile(image)}`;
      await must(
        ...host.inside('skopeo', [
          'copy',
          '--quiet',
          '--insecure-policy',
          '--dest-tls-verify=false',
          '--format',
          format,
          from,
          `docker://${address}/${name}`,
        ]),
      );
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await rm(root, { recursive: true, force: true });
    },
  };
}
