import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import type { TestHost } from './test-host.ts';

export type { Browser } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
/** As root there is no sandbox; nothing may be asked of the outside. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium without a window, on the network of a test host. */
export async function openBrowser(host: TestHost): Promise<{ browser: Browser } & AsyncDisposable> {
  const folder = mkdtempSync('/var/tmp/gantry-browser-');
  // Playwright starts one program by its path.
  const program = path.join(folder, 'chromium');
  const [command, args] = host.inside(CHROMIUM, []);
  writeFileSync(program, `#!/bin/sh\nexec ${command} ${args.join(' ')} "$@"\n`, { mode: 0o755 });
  const browser = await chromium.launch({ executablePath: program, args: FLAGS, timeout: 60_000 });
  return {
    browser,
    async [Symbol.asyncDispose]() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
