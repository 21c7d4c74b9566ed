import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../../model/index.ts';
import { freshState } from '../../model/index.ts';
import { plainSpec } from '../../model/testing/spec.ts';
import { linkEntries, linkEnvironment, presentLinkEnvironment } from './links.ts';

const address = '172.30.0.9';
const web = container('web', {
  environment: ['MODE=fast', 'PATH=/bin'],
  exposedPorts: [
    { port: 53, protocol: 'udp' },
    { port: 80, protocol: 'tcp' },
  ],
});
const client = container('client', { links: ['web:my-web'] });

function container(name: string, spec: Parameters<typeof plainSpec>[0]): ContainerRecord {
  return { id: name, name, createdAt: '2026-01-01T00:00:00Z', spec: plainSpec(spec), state: freshState(), request: {} };
}

function tableWith(ipv4Address: string) {
  const endpoint = {
    networkId: 'n',
    networkName: 'bridge',
    endpointId: 'e',
    macAddress: '',
    ipv4Address,
    ipv4PrefixLength: 16,
    gateway: '',
  };
  const endpoints = [{ ...endpoint, ipv6Address: '', ipv6PrefixLength: 0, ipv6Gateway: '' }];
  return { get: () => ({ ...web, state: { ...web.state, endpoints } }) };
}

test('linkEnvironment() names address, ports and variables of the other container, tcp first', () => {
  const environment = linkEnvironment(tableWith(address), client);
  assert.deepEqual(environment.slice(0, 3), [
    'MY_WEB_NAME=/client/my-web',
    `MY_WEB_PORT=tcp://${address}:80`,
    `MY_WEB_PORT_80_TCP=tcp://${address}:80`,
  ]);
  assert.ok(environment.includes('MY_WEB_PORT_53_UDP_PROTO=udp') && environment.includes('MY_WEB_ENV_MODE=fast'));
  assert.ok(!environment.some((entry) => entry.startsWith('MY_WEB_ENV_PATH')));
});

test('linkEntries() gives the address the alias first, and refuses a container that does not run', () => {
  assert.equal(linkEntries(tableWith(address), client)[0]?.names[0], 'my-web');
  assert.throws(() => linkEntries(tableWith(''), client), { message: /Cannot link to a non running container: web AS my-web/ });
});

test('presentLinkEnvironment() leaves links out whose other end does not run any more', () => {
  assert.ok(presentLinkEnvironment(tableWith(address), client).includes('MY_WEB_NAME=/client/my-web'));
  assert.deepEqual(presentLinkEnvironment(tableWith(''), client), []);
});
