import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import { isKind } from '../../base/index.ts';
import { parseChallenges } from './challenge.ts';
import { isInsecure } from './endpoints.ts';
import { sha256Digest } from './manifest.ts';
import { makeImage, sendError, TestRegistry } from './testing/registry.ts';
import { TestEngine } from './testing/stores.ts';

const anna = { username: 'anna', password: 'pass:word ü' };
const annaBasic = `Basic ${Buffer.from('anna:pass:word ü').toString('base64')}`;

/** Lets in who has a token of `tokens`; the realm is at the registry itself. */
function demandTokens(
  registry: TestRegistry,
  issue: (request: IncomingMessage, scopes: string[]) => object | undefined,
): { tokens: Set<string>; asked: string[] } {
  const tokens = new Set<string>();
  const asked: string[] = [];
  registry.intercept = (request, response) => {
    const url = new URL(request.url ?? '', `http://${registry.host}`);
    if (url.pathname === '/token') {
      asked.push(url.search);
      const answer = issue(request, url.searchParams.getAll('scope'));
      if (!answer) return sendError(response, 401, 'UNAUTHORIZED', 'incorrect username or password');
      if ('token' in answer) tokens.add(String(answer.token));
      response.end(JSON.stringify(answer));
      return true;
    }
    if (tokens.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) return false;
    return sendError(response, 401, 'UNAUTHORIZED', 'authentication required', {
      'www-authenticate': `Bearer realm="http://${registry.host}/token",service="test registry"`,
    });
  };
  return { tokens, asked };
}

test('parseChallenges() understands several schemes, quoted values and commas in them', () => {
  assert.deepEqual(parseChallenges('Bearer realm="https://auth.example/token",service="a, \\"b\\"",scope=x, Basic realm="r"'), [
    { scheme: 'bearer', parameters: { realm: 'https://auth.example/token', service: 'a, "b"', scope: 'x' } },
    { scheme: 'basic', parameters: { realm: 'r' } },
  ]);
  assert.deepEqual(parseChallenges('Negotiate, Basic realm=x'), [
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'basic', parameters: { realm: 'x' } },
  ]);
  for (const odd of [undefined, '', ',,,', '="', 'Bearer realm="never closed']) assert.ok(parseChallenges(odd).length <= 1);
});

test('isInsecure() holds for loopback, for listed hosts and for addresses in a listed range', async () => {
  for (const host of ['localhost:5000', '127.0.0.1', '127.3.2.1:80', '[::1]:5000']) assert.equal(await isInsecure(host, []), true, host);
  for (const host of ['registry.example', '10.0.0.1:5000', '127.0.0.1.example:80'])
    assert.equal(await isInsecure(host, ['registry.example:5000']), false, host);
  assert.equal(await isInsecure('registry.example:5000', ['registry.example:5000']), true);
  assert.equal(await isInsecure('10.1.2.3:5000', ['10.0.0.0/8']), true);
  assert.equal(await isInsecure('11.1.2.3:5000', ['10.0.0.0/8']), false);
});

suite('authorization', { timeout: 30_000 }, () => {
  test('an anonymous token is asked for once per scope and used again', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', makeImage([Buffer.from('one'), Buffer.from('two')]));
    const { asked } = demandTokens(registry, () => ({ token: 'open', expires_in: 300 }));
    await engine.pull(`${registry.host}/app`);
    await engine.pull(`${registry.host}/app`);
    assert.deepEqual(asked, ['?service=test+registry&scope=repository%3Aapp%3Apull']);
  });

  test('credentials go to the token server, and a token that expired early is replaced', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', makeImage([Buffer.from('one')]));
    let issued = 0;
    const { tokens, asked } = demandTokens(registry, (request) =>
      request.headers.authorization === annaBasic ? { token: `t${(issued += 1)}`, expires_in: 300 } : undefined,
    );
    await engine.pull(`${registry.host}/app`, { credentials: anna });
    tokens.clear();
    await engine.pull(`${registry.host}/app`, { credentials: anna });
    assert.equal(issued, 2);
    assert.match(asked[0] ?? '', /account=anna/);
    await assert.rejects(
      engine.pull(`${registry.host}/app`, { credentials: { username: 'anna', password: 'wrong' } }),
      (error) => isKind(error, 'denied') && /unauthorized: incorrect username or password/.test(String(error)),
    );
  });

  test('a token that does not open the repository means that access is denied', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.intercept = (request, response) => {
      if (request.url?.startsWith('/token')) return Boolean(response.end('{"token":"weak"}'));
      return sendError(response, 401, 'UNAUTHORIZED', 'authentication required', {
        'www-authenticate': `Bearer realm="http://${registry.host}/token",service="s"${request.headers.authorization ? ',error="insufficient_scope"' : ''}`,
      });
    };
    await assert.rejects(
      engine.pull(`${registry.host}/private/app`),
      (error) =>
        isKind(error, 'notFound') &&
        /pull access denied for .*private\/app, repository does not exist or may require 'docker login': denied: requested access/.test(
          String(error),
        ),
    );
  });

  test('an identity token is exchanged by POST, never sent as a password', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', makeImage([Buffer.from('one')]));
    let form = '';
    registry.intercept = (request, response) => {
      if (request.url === '/token' && request.method === 'POST') {
        request
          .setEncoding('utf8')
          .on('data', (text: string) => (form += text))
          .on('end', () => response.end('{"access_token":"fresh"}'));
        return true;
      }
      if (request.headers.authorization === 'Bearer fresh') return false;
      return sendError(response, 401, 'UNAUTHORIZED', 'x', {
        'www-authenticate': `Bearer realm="http://${registry.host}/token",service="s"`,
      });
    };
    await engine.pull(`${registry.host}/app`, { credentials: { identityToken: 'long lived' } });
    assert.equal(new URLSearchParams(form).get('refresh_token'), 'long lived');
    assert.equal(new URLSearchParams(form).get('grant_type'), 'refresh_token');
  });

  test('basic authentication sends the credentials, and without any it says so', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', makeImage([Buffer.from('one')]));
    registry.intercept = (request, response) =>
      request.headers.authorization !== annaBasic &&
      sendError(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': 'Basic realm="x"' });
    await engine.pull(`${registry.host}/app`, { credentials: anna });
    await assert.rejects(
      engine.pull(`${registry.host}/app`),
      (error) => isKind(error, 'denied') && /no basic auth credentials/.test(String(error)),
    );
  });

  test('checkCredentials() tells right from wrong ones', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    const signal = new AbortController().signal;
    registry.intercept = (request, response) =>
      request.headers.authorization !== annaBasic &&
      sendError(response, 401, 'UNAUTHORIZED', 'x', { 'www-authenticate': 'Basic realm="x"' });
    assert.deepEqual(await engine.distribution.checkCredentials(registry.host, anna, signal), {});
    await assert.rejects(
      engine.distribution.checkCredentials(`http://${registry.host}/v2/`, { ...anna, password: 'no' }, signal),
      (error) => isKind(error, 'denied') && /login attempt to http:.*\/v2\/ failed with status: 401 Unauthorized/.test(String(error)),
    );
    demandTokens(registry, (request) =>
      request.headers.authorization === annaBasic ? { token: 't', refresh_token: 'keep me' } : undefined,
    );
    assert.deepEqual(await engine.distribution.checkCredentials(registry.host, anna, signal), { identityToken: 'keep me' });
    await assert.rejects(engine.distribution.checkCredentials('not a host', anna, signal), (error) => isKind(error, 'invalid'));
  });
});

suite('redirects and mirrors', { timeout: 30_000 }, () => {
  const redirectBlobs = (_registry: TestRegistry, to: () => string) => (request: IncomingMessage, response: ServerResponse) => {
    if (!request.url?.includes('/blobs/')) return false;
    response.writeHead(307, { location: to() + request.url }).end();
    return true;
  };

  test('credentials are not sent on to another host', async () => {
    await using registry = await TestRegistry.start();
    await using storage = await TestRegistry.start();
    using engine = new TestEngine();
    const image = makeImage([Buffer.from('one')]);
    registry.add('app', 'latest', image);
    storage.add('app', 'latest', image);
    const redirect = redirectBlobs(registry, () => `http://${storage.host}`);
    registry.intercept = (request, response) =>
      request.headers.authorization === annaBasic
        ? redirect(request, response)
        : sendError(response, 401, 'UNAUTHORIZED', 'x', { 'www-authenticate': 'Basic realm="x"' });
    const seen: (string | undefined)[] = [];
    storage.intercept = (request) => void seen.push(request.headers.authorization);
    await engine.pull(`${registry.host}/app`, { credentials: anna });
    assert.deepEqual(seen, [undefined, undefined]);
  });

  test('redirects in a circle and to odd places end with a sentence', async () => {
    await using registry = await TestRegistry.start();
    using engine = new TestEngine();
    registry.add('app', 'latest', makeImage([Buffer.from('one')]));
    registry.intercept = redirectBlobs(registry, () => '');
    await assert.rejects(engine.pull(`${registry.host}/app`), /stopped after 5 redirects/);
    registry.intercept = redirectBlobs(registry, () => 'file:///etc/passwd?');
    await assert.rejects(engine.pull(`${registry.host}/app`), /not a web address/);
  });

  test('a mirror is asked first, without credentials, and the next place when it fails', async () => {
    await using broken = await TestRegistry.start();
    await using mirror = await TestRegistry.start();
    using engine = new TestEngine({ registryMirrors: [`http://${broken.host}`, `http://${mirror.host}`] });
    const image = makeImage([Buffer.from('one')]);
    mirror.add('library/busybox', 'latest', image);
    const seen = new Set<string | undefined>();
    mirror.intercept = (request) => void seen.add(request.headers.authorization);
    const record = await engine.pull('busybox', { credentials: anna });
    assert.equal(record.id, sha256Digest(image.config));
    assert.deepEqual([...seen], [undefined]);
    assert.ok(broken.count(/manifests\/latest/) > 0);
    assert.equal(engine.lines().at(-1), 'Status: Downloaded newer image for busybox:latest');
  });
});
