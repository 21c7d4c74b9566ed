import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { silentLog } from '../../base/index.ts';
import { HttpServer } from './server.ts';

// Made for this test with openssl (P-256, a hundred years); the keys protect nothing.
const caCertificate = `-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUBiq+aFw3RYFj4H/u1AXfL/tudUAwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTIyMjIwNDUxWhgPMjEyNjEwMjkyMjA0NTFa
MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+Se3Suec
8y8BhNqvdymdGDNF/YvBqZv2ObDxdajU5oJZ1gYWO2NImF6EpYug7lqrHQEIOpR1
NvlRz+w4Nqs8CKNTMFEwHQYDVR0OBBYEFB1hsQeWlMj1a1VA//YMVei2WV9rMB8G
A1UdIwQYMBaAFB1hsQeWlMj1a1VA//YMVei2WV9rMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIhANTG9QAGU8+DOGp02TNhfVTM0UY1CfldSkwFYiK1
0Yk5AiAkf71CFPETwaY2EMgQ25IHJhwYMyFu9b+Hy41qjtRYXg==
-----END CERTIFICATE-----`;
const serverCertificate = `-----BEGIN CERTIFICATE-----
MIIBfzCCASagAwIBAgIUVlCS5iXCwD89qZ4ZlYitT1A18m4wCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTIyMjIwNDUxWhgPMjEyNjEwMjkyMjA0NTFa
MBExDzANBgNVBAMMBnNlcnZlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABK1c
hdaJj2GcBNwfu1/Fc5YuCBV8disxh9wHztDy44tVEHJsEUGkk2CipsgrwR/uUe5X
ibDuaYGwtrMEJsatB2+jXjBcMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAd
BgNVHQ4EFgQUwseOMXut184WefDy2WmskknSCLIwHwYDVR0jBBgwFoAUHWGxB5aU
yPVrVUD/9gxV6LZZX2swCgYIKoZIzj0EAwIDRwAwRAIgHSDZMxACO0Q4z+/Vu3He
hmAJKumthTn1x8/yekOBEpYCICMb2x51VUAocuJEZji88SDI5pKH+I1tylVKknTE
uXBq
-----END CERTIFICATE-----`;
const serverKey = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIInbky39yhlEiA3tGllBzuqmSQbh6CM1OsABvJUqpLfhoAoGCCqGSM49
AwEHoUQDQgAErVyF1omPYZwE3B+7X8Vzli4IFXx2KzGH3AfO0PLji1UQcmwRQaST
YKKmyCvBH+5R7leJsO5pgbC2swQmxq0Hbw==
-----END EC PRIVATE KEY-----`;
const clientCertificate = `-----BEGIN CERTIFICATE-----
MIIBgDCCASagAwIBAgIUVlCS5iXCwD89qZ4ZlYitT1A18m8wCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwIBcNMjYxMTIyMjIwNDUxWhgPMjEyNjEwMjkyMjA0NTFa
MBExDzANBgNVBAMMBmNsaWVudDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGVR
thmMG/o07NuGNR1SLX3SVWYl+bCjBxGqi1+bHpAxp9GqTHTqJWkZVc2zm6tcLUG1
83o+UZ9jskfoS+J+Yq6jXjBcMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAd
BgNVHQ4EFgQU7Gd0izE0TRFetaLRzR+Z4CgRtegwHwYDVR0jBBgwFoAUHWGxB5aU
yPVrVUD/9gxV6LZZX2swCgYIKoZIzj0EAwIDSAAwRQIgXuYleGR/pv21OVloPotp
K8lE5SxnuvILkZpwTJO+/QYCIQCwhnUUH+NgIe9Q/xZfMNkZtFh2+flYkwzQqtkp
A8Mcsw==
-----END CERTIFICATE-----`;
const clientKey = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMimJxVluiNKboun453NjsnR9qCIk0c4mw5EqBKPK0NcoAoGCCqGSM49
AwEHoUQDQgAEZVG2GYwb+jTs24Y1HVItfdJVZiX5sKMHEaqLX5sekDGn0apMdOol
aRlVzbObq1wtQbXzej5Rn2OyR+hL4n5irg==
-----END EC PRIVATE KEY-----`;
const strangerCertificate = `-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUTYguOo4uMQi53S46rAgCPEpJahswCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3RyYW5nZXIwIBcNMjYxMTIyMjIwNDUxWhgPMjEyNjEwMjky
MjA0NTFaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEcavSO0+heTMP3uwGJrqiAWp1tvq65dG/TGP3d4K5yRxrBfqPTqrLAth+
MDkm8jt/cfmTlO5BTEBWzKjHPreb4aNTMFEwHQYDVR0OBBYEFKT4GPerQ9pCuNsk
kiwsg4ff28IjMB8GA1UdIwQYMBaAFKT4GPerQ9pCuNskkiwsg4ff28IjMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAK+DH0eWtooaAmDiaHjWVg0w
dEKHlZpMu4kuh/jw1RYQAiA85FFBKruoCPkdrj24TKgW1NOeiG28qPlGEvCl0shE
Sw==
-----END CERTIFICATE-----`;
const strangerKey = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEII3y5KpcUPQFikqf9+UJOfPdzIG/j31QsDeix1pVDTSDoAoGCCqGSM49
AwEHoUQDQgAEcavSO0+heTMP3uwGJrqiAWp1tvq65dG/TGP3d4K5yRxrBfqPTqrL
Ath+MDkm8jt/cfmTlO5BTEBWzKjHPreb4Q==
-----END EC PRIVATE KEY-----`;

function get(port: number, client: { cert: string; key: string } | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/', ca: caCertificate, agent: false, ...client }, (response) => {
      let text = '';
      response.on('data', (data) => (text += data));
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('a tcp address with TLS serves clients of the authority and nobody else', async () => {
  await using server = new HttpServer({ handler: (exchange) => exchange.send(200, 'secret', 'text/plain'), log: silentLog });
  const address = await server.listen(
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
    { ca: caCertificate, cert: serverCertificate, key: serverKey },
  );
  assert.ok(address.kind === 'tcp');
  assert.equal(await get(address.port, { cert: clientCertificate, key: clientKey }), 'secret');
  await assert.rejects(get(address.port, undefined));
  await assert.rejects(get(address.port, { cert: strangerCertificate, key: strangerKey }));
});

test('a hijacked connection with TLS is half-closed like a plain one', async () => {
  await using server = new HttpServer({
    handler: async (exchange) => {
      const socket = await exchange.hijack('application/vnd.docker.raw-stream');
      socket.resume();
      socket.on('end', () => setTimeout(() => socket.end('after your end'), 20));
    },
    log: silentLog,
  });
  const address = await server.listen(
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
    { ca: caCertificate, cert: serverCertificate, key: serverKey },
  );
  assert.ok(address.kind === 'tcp');
  for (const upgrade of ['Connection: Upgrade\r\nUpgrade: tcp\r\n', '']) {
    // Node's types do not know that a TLS client may be half-open.
    const options = {
      host: '127.0.0.1',
      port: address.port,
      ca: caCertificate,
      cert: clientCertificate,
      key: clientKey,
      allowHalfOpen: true,
    };
    const client = connect(options);
    client.setTimeout(3000, () => client.destroy(new Error('no answer')));
    let received = '';
    client.on('data', (data) => {
      if (received === '') client.end();
      received += data;
    });
    client.write(`POST / HTTP/1.1\r\nHost: d\r\n${upgrade}Content-Length: 0\r\n\r\n`);
    await once(client, 'end');
    assert.match(received, /^HTTP\/1\.1 (101 UPGRADED|200 OK)[^]*\r\n\r\nafter your end$/);
  }
});
