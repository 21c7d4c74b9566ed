import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Spawned, spawn } from '../../../host/index.ts';

/** Debian's docker-registry on a free port of loopback, with a folder of its own. */
export class DockerRegistry implements AsyncDisposable {
  readonly host: string;
  readonly #folder: string;
  readonly #process: Spawned;

  private constructor(host: string, folder: string, process: Spawned) {
    this.host = host;
    this.#folder = folder;
    this.#process = process;
  }

  /** `htpasswd` is the text of such a file (bcrypt); with it the registry wants basic authentication. */
  static async start(options: { htpasswd?: string } = {}): Promise<DockerRegistry> {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-registry-'));
    const host = `127.0.0.1:${await freePort()}`;
    if (options.htpasswd) writeFileSync(join(folder, 'htpasswd'), options.htpasswd);
    const auth = options.htpasswd ? `auth:\n  htpasswd:\n    realm: test\n    path: ${folder}/htpasswd\n` : '';
    writeFileSync(
      join(folder, 'config.yml'),
      `version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: ${folder}/data\nhttp:\n  addr: ${host}\n${auth}`,
    );
    const process = await spawn('docker-registry', ['serve', join(folder, 'config.yml')]);
    const registry = new DockerRegistry(host, folder, process);
    for (let tries = 0; tries < 200; tries += 1) {
      if (
        await fetch(`http://${host}/v2/`).then(
          (answer) => answer.body?.cancel().then(() => true),
          () => false,
        )
      )
        return registry;
      await sleep(25);
    }
    await registry[Symbol.asyncDispose]();
    throw new Error(`docker-registry did not start on ${host}`);
  }

  /** A blob as it lies on the registry's disk. */
  blob(digest: string): Buffer {
    const hex = digest.slice(7);
    return readFileSync(join(this.#folder, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#process.exit;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
