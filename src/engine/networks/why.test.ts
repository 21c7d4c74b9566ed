import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointState, NetworkRecord } from '../../model/index.ts';
import { explainNetwork, subnetReason } from './why.ts';

const network = {
  id: 'abc123abc123ff',
  name: 'shop',
  driver: 'bridge',
  internal: true,
  subnets: [{ subnet: '172.18.0.0/16' }],
} as NetworkRecord;
const on = (networkId: string) => ({
  containerId: networkId,
  namespace: '',
  publishedPorts: [],
  endpoints: [{ networkId } as EndpointState],
});

test('explainNetwork() says who is on it and what was decided', () => {
  const decisions = [{ time: '2026-01-01T00:00:00Z', what: 'created', why: 'it was asked for' }];
  assert.deepEqual(explainNetwork(network, [on(network.id), on('other')], decisions), {
    subject: 'network shop (abc123abc123)',
    state: 'in use',
    summary: 'A network of the driver bridge with 172.18.0.0/16, with one container on it. It has no way out.',
    decisions,
  });
  assert.match(explainNetwork(network, [], []).summary, /no containers on it/);
});

test('subnetReason() tells what was asked for from what was chosen', () => {
  const asked = { subnets: [{ subnet: '10.1.0.0/16', gateway: '', ipRange: '', auxiliaryAddresses: {} }] };
  assert.match(subnetReason('10.1.0.0/16', asked), /was asked for/);
  assert.match(subnetReason('172.19.0.0/16', { subnets: [] }), /first of the address pools/);
  assert.match(subnetReason('fd00::/64', asked), /private prefix/);
});
