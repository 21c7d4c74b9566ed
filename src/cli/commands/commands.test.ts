import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { frame, gantry, StandInEngine, sendJson } from '../testing/session.ts';

const ID = 'ab'.repeat(32);
const listed = {
  Id: ID,
  Names: ['/web'],
  Image: 'busybox',
  ImageID: `sha256:${'c'.repeat(64)}`,
  Command: "sh -c 'sleep 1000 and more'",
  Created: 0,
  State: 'running',
  Status: 'Up 2 hours',
  Ports: [],
  Labels: { a: 'b' },
};

test('ps draws the table that Docker draws', async () => {
  await using engine = await StandInEngine.start((_seen, reply) =>
    sendJson(reply, [{ ...listed, Created: Math.floor(Date.now() / 1000) - 7200 }]),
  );
  const { code, out } = await gantry(engine, ['ps', '-a', '-f', 'name=web']);
  assert.equal(code, 0);
  assert.equal(
    out,
    'CONTAINER ID   IMAGE     COMMAND                  CREATED       STATUS       PORTS     NAMES\nabababababab   busybox   "sh -c \'sleep 1000 a…"   2 hours ago   Up 2 hours             web\n',
  );
  assert.deepEqual(
    [engine.seen[0]?.path, engine.seen[0]?.query.get('all'), engine.seen[0]?.query.get('filters')],
    ['/containers/json', '1', '{"name":{"web":true}}'],
  );
});

test('ps asks for sizes only when the template shows them', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, [{ ...listed, SizeRw: 5, SizeRootFs: 1984256 }]));
  assert.equal((await gantry(engine, ['ps', '--format', '{{.Names}} {{.Size}}'])).out, 'web 5B (virtual 1.98MB)\n');
  assert.equal((await gantry(engine, ['ps', '--format', 'table {{.Names}}'])).out, 'NAMES\nweb\n');
  assert.deepEqual(
    engine.seen.map((seen) => seen.query.get('size')),
    ['1', null],
  );
});

test("a refusal is told in the engine's words and ends with 1", async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, { message: 'No such container: x' }, 404));
  assert.deepEqual(await gantry(engine, ['stop', 'x', 'y']), {
    code: 1,
    out: '',
    err: 'Error response from daemon: No such container: x\nError response from daemon: No such container: x\n',
  });
});

test('run pulls a missing image, attaches before it starts, and ends with the exit code', async () => {
  let pulled = false;
  const releases: (() => void)[] = [];
  await using engine = await StandInEngine.start((seen, reply) => {
    if (seen.path === '/containers/create')
      return pulled
        ? sendJson(reply, { Id: ID, Warnings: ['careful'] }, 201)
        : sendJson(reply, { message: 'No such image: busybox:latest' }, 404);
    if (seen.path === '/images/create') {
      pulled = true;
      return reply.end('{"status":"Pulling from busybox","id":"latest"}\r\n{"status":"Status: Downloaded"}\r\n');
    }
    if (seen.path.endsWith('/wait')) {
      reply.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
      return void releases.push(() => reply.end('{"StatusCode":7}'));
    }
    if (seen.path.endsWith('/start')) {
      reply.writeHead(204).end();
      for (const release of releases) release();
    }
  });
  engine.onUpgrade = (_seen, socket) => void releases.push(() => socket.end(Buffer.concat([frame(1, 'hello\n'), frame(2, 'oops\n')])));
  const outcome = await gantry(engine, ['run', '--rm', 'busybox', 'true']);
  assert.deepEqual(outcome, {
    code: 7,
    out: 'hello\n',
    err: "Unable to find image 'busybox:latest' locally\nlatest: Pulling from busybox\nStatus: Downloaded\nWARNING: careful\noops\n",
  });
  const order = engine.seen.map((seen) => seen.path.replace(`/containers/${ID}`, ''));
  assert.deepEqual(order, ['/containers/create', '/images/create', '/containers/create', '/attach', '/wait', '/start']);
  assert.equal(engine.seen[4]?.query.get('condition'), 'removed');
});

test('run ends with 127 or 126 when the program cannot be started, 125 for all else', async () => {
  let reason = '';
  await using engine = await StandInEngine.start((seen, reply) =>
    seen.path === '/containers/create' ? sendJson(reply, { Id: ID }, 201) : sendJson(reply, { message: reason }, 400),
  );
  const codes: number[] = [];
  for (reason of ['exec: "x": executable file not found in $PATH', 'exec: "/etc": permission denied', 'port is already allocated'])
    codes.push((await gantry(engine, ['run', '-d', 'busybox', 'x'])).code);
  assert.deepEqual(codes, [127, 126, 125]);
  const { err } = await gantry(engine, ['run', '-d', 'busybox', 'x']);
  assert.equal(err, "gantry: Error response from daemon: port is already allocated\n\nRun 'gantry run --help' for more information\n");
});

test('exec sends standard input, half-closes, and ends with the exit code of the command', async () => {
  await using engine = await StandInEngine.start((seen, reply) =>
    sendJson(reply, seen.path.endsWith('/json') ? { ExitCode: 3, Running: false } : { Id: 'e1' }, seen.path.endsWith('/exec') ? 201 : 200),
  );
  engine.onUpgrade = (_seen, socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end(frame(1, Buffer.concat(chunks).toString().toUpperCase())));
  };
  assert.deepEqual(await gantry(engine, ['exec', '-i', '-e', 'A=1', 'web', 'cat', '-n'], { input: 'typed\n' }), {
    code: 3,
    out: 'TYPED\n',
    err: '',
  });
  const { Cmd, Env, AttachStdin } = JSON.parse(engine.seen[0]?.body.toString() ?? '{}');
  assert.deepEqual([Cmd, Env, AttachStdin], [['cat', '-n'], ['A=1'], true]);
});

test("inspect prints the engine's JSON as it came, and templates by Go's names", async () => {
  await using engine = await StandInEngine.start((seen, reply) =>
    seen.path === '/containers/web/json'
      ? void reply.end('{"Id":"x","Zeta":1,"Alpha":[],"State":{"Pid":18446744073709551615}}')
      : sendJson(reply, { message: 'not there' }, 404),
  );
  assert.equal(
    (await gantry(engine, ['inspect', 'web'])).out,
    '[\n    {\n        "Id": "x",\n        "Zeta": 1,\n        "Alpha": [],\n        "State": {\n            "Pid": 18446744073709551615\n        }\n    }\n]\n',
  );
  assert.equal(
    (await gantry(engine, ['inspect', '-f', '{{.ID}} {{.State.Pid}} {{if .State.Health}}h{{end}}', 'web'])).out,
    'x 18446744073709551615 \n',
  );
  assert.deepEqual(await gantry(engine, ['inspect', 'none']), { code: 1, out: '[]\n', err: 'Error: No such object: none\n' });
  assert.match((await gantry(engine, ['inspect', '-f', '{{.Foo}}', 'web'])).err, /map has no entry for key "Foo"/);
});

test('why tells the decisions in order, and says so when the engine keeps none', async () => {
  await using engine = await StandInEngine.start((seen, reply) => {
    assert.equal(seen.query.get('name'), 'web');
    sendJson(reply, {
      subject: 'web',
      state: 'exited',
      summary: 'it ended with code 137',
      decisions: [{ time: '2026-01-02T03:04:05.6Z', what: 'killed', why: 'memory ran out' }],
    });
  });
  assert.equal(
    (await gantry(engine, ['why', 'web'])).out,
    'web: exited\nit ended with code 137\n  2026-01-02 03:04:05  killed because memory ran out\n',
  );
  await using other = await StandInEngine.start((_seen, reply) => void reply.writeHead(404).end('404 page not found\n'));
  assert.match((await gantry(other, ['why', 'web'])).err, /is not Gantry and keeps no reasons/);
});

test('a wrong command line ends with help on the right one', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, []));
  assert.deepEqual(await gantry(engine, ['rnu']), {
    code: 1,
    out: '',
    err: "gantry: unknown command: gantry rnu\n\nDid you mean 'gantry run'?\n\nRun 'gantry --help' for more information\n",
  });
  assert.deepEqual(await gantry(engine, ['ps', '--al']), {
    code: 125,
    out: '',
    err: "unknown flag: --al\nDid you mean --all?\n\nUsage:  gantry ps [OPTIONS]\n\nRun 'gantry ps --help' for more information\n",
  });
  assert.match((await gantry(engine, ['stop'])).err, /^gantry: 'gantry stop' requires at least 1 argument\n/);
  assert.equal(engine.seen.length, 0);
});

test('an engine that does not answer is told with its address', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, []));
  const { code, err } = await gantry(engine, ['-H', 'unix:///nosuch/gantry.sock', 'ps']);
  assert.deepEqual([code, err], [1, 'Cannot connect to the Docker daemon at unix:///nosuch/gantry.sock. Is gantryd running?\n']);
});

test('pull takes the password from a credential helper, and from config.json where there is none', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => void reply.end('{"status":"done"}\n'));
  const folder = path.join(engine.folder, '.docker');
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, 'config.json'),
    JSON.stringify({
      auths: { 'r.example': { auth: Buffer.from('me:secret').toString('base64') } },
      credHelpers: { 'h.example': 'vault' },
    }),
  );
  const asked: string[] = [];
  const around = {
    runProgram: async (program: string, args: readonly string[], input: string) => (
      asked.push(`${program} ${args} ${input}`), { code: 0, stdout: '{"Username":"<token>","Secret":"t0"}', stderr: '' }
    ),
  };
  const sent = () => JSON.parse(Buffer.from(String(engine.seen.at(-1)?.headers['x-registry-auth']), 'base64url').toString());
  await gantry(engine, ['pull', '-q', 'r.example/a:1'], { around });
  assert.deepEqual(sent(), { username: 'me', password: 'secret', serveraddress: 'r.example' });
  await gantry(engine, ['pull', '-q', 'h.example/a:1'], { around });
  assert.deepEqual([sent(), asked], [{ identitytoken: 't0', serveraddress: 'h.example' }, ['docker-credential-vault get h.example']]);
  await gantry(engine, ['pull', '-q', 'other.example/a:1'], { around });
  assert.deepEqual(sent(), {});
});

test('login asks the engine, keeps the password for its owner only, and logout forgets it', async () => {
  await using engine = await StandInEngine.start((seen, reply) => {
    const { password } = JSON.parse(seen.body.toString());
    if (password === 'right') sendJson(reply, { Status: 'Login Succeeded' });
    else sendJson(reply, { message: 'unauthorized' }, 401);
  });
  const file = path.join(engine.folder, '.docker/config.json');
  const login = (input: string) => gantry(engine, ['login', '-u', 'me', '--password-stdin', 'r.example:5000'], { input });
  assert.deepEqual([(await login('wrong\n')).code, existsSync(file)], [1, false]);
  assert.equal((await login('right\n')).out, 'Login Succeeded\n');
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
    auths: { 'r.example:5000': { auth: Buffer.from('me:right').toString('base64') } },
  });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await gantry(engine, ['logout', 'r.example:5000'])).code, 0);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { auths: {} });
});

test('a pull that fails on the way ends with 1 and the reason', async () => {
  await using engine = await StandInEngine.start(
    (_seen, reply) =>
      void reply.end('{"status":"Pulling","id":"a"}\n{"errorDetail":{"message":"no space left"},"error":"no space left"}\n'),
  );
  assert.deepEqual(await gantry(engine, ['pull', 'a:1']), { code: 1, out: 'a: Pulling\n', err: 'no space left\n' });
});

test('contexts are kept as Docker keeps them and choose the engine', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, []));
  const env = { GANTRY_HOST: '' };
  assert.equal(
    (await gantry(engine, ['context', 'create', 'far', '--docker', `host=${engine.address}`, '--description', 'there'], { env })).code,
    0,
  );
  assert.equal((await gantry(engine, ['context', 'use', 'far'], { env })).out, 'far\n');
  assert.equal(JSON.parse(readFileSync(path.join(engine.folder, '.docker/config.json'), 'utf8')).currentContext, 'far');
  assert.equal((await gantry(engine, ['ps', '-q'], { env })).code, 0);
  assert.match((await gantry(engine, ['context', 'ls'], { env })).out, /^NAME {6}DESCRIPTION.*\ndefault .*\nfar \* {5}there /);
  assert.match((await gantry(engine, ['context', 'rm', 'far'], { env })).err, /in use, set -f flag/);
  assert.equal((await gantry(engine, ['--context', 'none', 'ps'], { env })).code, 1);
});

test('prune asks first and does nothing without a yes', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, { ContainersDeleted: [ID], SpaceReclaimed: 1500 }));
  assert.match((await gantry(engine, ['container', 'prune'], { input: 'n\n' })).out, /Are you sure/);
  assert.equal(engine.seen.length, 0);
  assert.match(
    (await gantry(engine, ['container', 'prune'], { input: 'y\n' })).out,
    new RegExp(`Deleted Containers:\n${ID}\n\nTotal reclaimed space: 1.5kB\n$`),
  );
});

test('every command has a help page, and completion offers its flags', async () => {
  await using engine = await StandInEngine.start((_seen, reply) => sendJson(reply, []));
  const { out } = await gantry(engine, ['--help']);
  const names = [...out.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map((match) => match[1] ?? '');
  assert.ok(names.length > 40);
  for (const name of names) {
    const page = await gantry(engine, [name, '--help']);
    assert.match(page.out, new RegExp(`^Usage:  gantry ${name}`), name);
    assert.equal(page.code, 0);
  }
  assert.match((await gantry(engine, ['__complete', '--', 'run', '--rest'])).out, /^--restart\t.*\n--restart-unhealthy\t.*\n:none\n$/);
});
