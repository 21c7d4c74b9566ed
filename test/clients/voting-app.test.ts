// examples/voting-app, run by both compose clients and used in a real browser.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Browser, ComposeProject, openBrowser, startDaemon, startLoad, type TestDaemon } from '../support/index.ts';

const VOTE = 'http://127.0.0.1:8080/';
const RESULT = 'http://127.0.0.1:8081/';

suite('the voting app', () => {
  let daemon: TestDaemon;
  let chromium: Awaited<ReturnType<typeof openBrowser>>;
  let browser: Browser;

  before(async () => {
    daemon = await startDaemon({ images: ['redis', 'postgres', 'python', 'node'], plugins: ['buildx', 'compose'] });
    chromium = await openBrowser(daemon.host);
    browser = chromium.browser;
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  });

  /** Votes as someone who has not been here before, and answers the page to vote again on. */
  const vote = async (choice: string) => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(VOTE);
    await page.getByRole('button', { name: choice }).click();
    await page.getByRole('status').filter({ hasText: choice }).waitFor();
    return page;
  };
  /** The page with the result, which is never loaded again. */
  const watch = async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(RESULT);
    await page.getByText('live').waitFor();
    const shows = (text: string) => page.getByText(text, { exact: true }).waitFor({ timeout: 30_000 });
    return { page, shows };
  };

  test('docker compose brings it up; a vote changes the open page with the result at once', async () => {
    const app = new ComposeProject(daemon, 'examples/voting-app');
    await app.ok('up', '--detach', '--build', '--wait');
    const result = await watch();
    await result.shows('No votes yet');
    const page = await vote('Tea');
    await result.shows('Tea · 1 vote');
    await vote('Coffee');
    await result.shows('2 votes');
    await page.getByRole('button', { name: 'Coffee' }).click();
    await result.shows('Coffee · 2 votes');
    await result.shows('Tea · 0 votes');
    assert.equal(await result.page.locator('[data-percent=b]').textContent(), '100.0 %');
  });

  test('votes wait while the worker is away, and survive new containers and kill -9 of the daemon', async () => {
    const app = new ComposeProject(daemon, 'examples/voting-app');
    const result = await watch();
    await app.ok('stop', 'worker');
    await vote('Tea');
    await daemon.kill9();
    await vote('Tea');
    await daemon.start();
    await app.ok('start', 'worker');
    await result.shows('4 votes');
    await app.ok('up', '--detach', '--wait', '--force-recreate', 'db', 'worker');
    await vote('Tea');
    await result.shows('Tea · 3 votes');
    assert.match(await app.ok('exec', '-T', 'db', 'psql', '-U', 'postgres', 'votes', '-Atc', 'SELECT count(*) FROM votes'), /^5$/);
    await app.ok('down', '--volumes', '--timeout', '1');
  });

  test('docker-compose 1.29 runs it too', async () => {
    const app = new ComposeProject(daemon, 'examples/voting-app', {}, 'docker-compose');
    await app.ok('up', '--detach', '--build');
    // Nothing waits here for the pages.
    const { page, shows } = await watchWhenThere();
    await shows('No votes yet');
    await vote('Coffee');
    await shows('Coffee · 1 vote');
    await page.close();
    await app.ok('down', '--volumes', '--timeout', '1');
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '');
  });

  test('gantry compose runs it too, and updates both pages while people vote and watch', async () => {
    const app = new ComposeProject(daemon, 'examples/voting-app', {}, 'gantry');
    await app.ok('up', '--detach', '--build', '--wait');
    const { page, shows } = await watch();
    await vote('Tea');
    await shows('Tea · 1 vote');
    const file = path.join(app.folder, 'compose.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('Coffee', 'Cocoa'));
    const inside = (command: string, args: readonly string[]) => daemon.host.inside(command, args);
    using load = startLoad({ url: VOTE, connections: 2, requestsPerConnection: 1, inside });
    const plan = await app.ok('up', '--dry-run');
    for (const service of ['vote', 'result'])
      assert.match(plan, new RegExp(`replace +container +voting-app-${service}-1 +environment +start-first`));
    assert.match(plan, /keep +container +voting-app-db-1/);
    await app.ok('up', '--detach', '--wait');
    const { failures } = await load.end();
    assert.deepEqual(failures, []);
    await vote('Cocoa');
    await page.close();
    const after = await watch();
    await after.shows('Cocoa · 1 vote');
    await after.shows('Tea · 1 vote');
    await app.ok('down', '--volumes', '--timeout', '1');
    assert.equal(await daemon.ok('ps', '--all', '--quiet'), '');
  });

  const watchWhenThere = async () => {
    for (const url of [VOTE, RESULT])
      assert.equal(
        (await daemon.host.run('curl', ['-sS', '--retry', '60', '--retry-delay', '1', '--retry-all-errors', '-o', '/dev/null', url]))
          .status,
        0,
      );
    return watch();
  };
});
