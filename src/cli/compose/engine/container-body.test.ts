import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Mapping } from '../document/tree.ts';
import type { Project, Resource } from '../project/project.ts';
import { containerBody } from './container-body.ts';

const resource = (key: string, more: Partial<Resource> = {}): [string, Resource] => [
  key,
  { key, name: `shop_${key}`, external: false, definition: {}, ...more },
];

const project = {
  name: 'shop',
  folder: '/shop',
  files: ['/shop/compose.yaml'],
  environmentFiles: [],
  services: new Map(),
  networks: new Map([resource('default'), resource('front')]),
  volumes: new Map([resource('data')]),
  secrets: new Map([resource('token', { definition: { file: '/shop/token' } }), resource('word', { definition: { environment: 'WORD' } })]),
  configs: new Map([resource('greeting', { definition: { content: 'hi' } })]),
  lookup: () => undefined,
} as unknown as Project;

function bodyOf(definition: Mapping, kept = new Map<string, string>()) {
  const body = containerBody(
    project,
    { name: 'web', definition: { networks: { default: null }, ...definition } },
    {
      image: 'nginx',
      identity: { number: 1, oneOff: false, hash: 'h', keys: 'k', imageId: 'sha256:1', version: '1' },
      naming: {
        name: 'shop-web-1',
        service: 'web',
        containersOf: (other) => [`shop-${other}-1`, `shop-${other}-2`],
        containerOf: (other) => `shop-${other}-1`,
      },
      kept,
    },
  );
  return body as {
    HostConfig: Record<string, unknown>;
    NetworkingConfig: { EndpointsConfig: Record<string, unknown> };
    [key: string]: unknown;
  };
}

suite('containerBody()', () => {
  for (const [definition, field, value] of [
    [{ command: ['a'], entrypoint: [] }, 'Entrypoint', ['']],
    [{ command: [] }, 'Cmd', []],
    [{}, 'Cmd', undefined],
    [{ environment: { A: '1', B: null } }, 'Env', ['A=1', 'B']],
    [{ stop_grace_period: '1500ms' }, 'StopTimeout', 2],
    [{ stop_grace_period: '0s' }, 'StopTimeout', 0],
    [
      { expose: ['1-2', '3/udp'], ports: [{ target: 80, protocol: 'tcp' }] },
      'ExposedPorts',
      { '80/tcp': {}, '1/tcp': {}, '2/tcp': {}, '3/udp': {} },
    ],
    [
      { healthcheck: { test: ['CMD', 'x'], interval: '1m30s', retries: 3 } },
      'Healthcheck',
      { Test: ['CMD', 'x'], Interval: 90e9, Retries: 3 },
    ],
    [{ healthcheck: { disable: true } }, 'Healthcheck', { Test: ['NONE'] }],
  ] as [Mapping, string, unknown][])
    test(`${JSON.stringify(definition)} gives ${field}`, () => assert.deepEqual(bodyOf(definition)[field], value));

  for (const [definition, field, value] of [
    [
      {
        ports: [
          { target: 80, published: '8080', protocol: 'tcp', host_ip: '127.0.0.1' },
          { target: 80, protocol: 'tcp' },
        ],
      },
      'PortBindings',
      {
        '80/tcp': [
          { HostIp: '127.0.0.1', HostPort: '8080' },
          { HostIp: '', HostPort: '' },
        ],
      },
    ],
    [{ restart: 'on-failure:3' }, 'RestartPolicy', { Name: 'on-failure', MaximumRetryCount: 3 }],
    [{ deploy: { restart_policy: { condition: 'any' } } }, 'RestartPolicy', { Name: 'always', MaximumRetryCount: 0 }],
    [{ restart: 'no', deploy: { restart_policy: {} } }, 'RestartPolicy', { Name: 'no', MaximumRetryCount: 0 }],
    [{ deploy: { resources: { limits: { cpus: '0.5', memory: '64M' } } } }, 'NanoCpus', 500_000_000],
    [{ deploy: { resources: { limits: { memory: '64M' } } } }, 'Memory', 67_108_864],
    [{ cpu_period: '1ms' }, 'CpuPeriod', 1000],
    [
      { ulimits: { nofile: 9, nproc: { soft: 1, hard: 2 } } },
      'Ulimits',
      [
        { Name: 'nofile', Soft: 9, Hard: 9 },
        { Name: 'nproc', Soft: 1, Hard: 2 },
      ],
    ],
    [{ extra_hosts: { a: ['1.1.1.1', '::1'] } }, 'ExtraHosts', ['a:1.1.1.1', 'a:::1']],
    [{ tmpfs: ['/a', '/b:size=1m'] }, 'Tmpfs', { '/a': '', '/b': 'size=1m' }],
    [{ pid: 'service:db' }, 'PidMode', 'container:shop-db-1'],
    [{ network_mode: 'service:db', networks: null }, 'NetworkMode', 'container:shop-db-1'],
    [{ volumes_from: ['db:ro', 'container:x'] }, 'VolumesFrom', ['shop-db-1:ro', 'x']],
    [{ networks: { default: null, front: { priority: 5 } } }, 'NetworkMode', 'shop_front'],
  ] as [Mapping, string, unknown][])
    test(`${JSON.stringify(definition)} gives HostConfig.${field}`, () => assert.deepEqual(bodyOf(definition).HostConfig[field], value));

  test('mounts volumes by their names, files of secrets read-only, and what an older container had', () => {
    const volumes = [
      { type: 'volume', source: 'data', target: '/data', read_only: true, volume: { nocopy: true } },
      { type: 'volume', target: '/anonymous', volume: {} },
      { type: 'bind', source: '/x', target: '/y', bind: { create_host_path: true } },
    ];
    const kept = new Map([
      ['/anonymous', 'a'.repeat(64)],
      ['/of-the-image', 'b'.repeat(64)],
    ]);
    assert.deepEqual(
      bodyOf({ volumes, secrets: [{ source: 'token' }, { source: 'word' }], configs: [{ source: 'greeting' }] }, kept).HostConfig['Mounts'],
      [
        { Type: 'volume', Target: '/data', Source: 'shop_data', ReadOnly: true, VolumeOptions: { NoCopy: true } },
        { Type: 'volume', Target: '/anonymous', Source: 'a'.repeat(64) },
        { Type: 'bind', Target: '/y', Source: '/x', BindOptions: { CreateMountpoint: true } },
        { Type: 'bind', Source: '/shop/token', Target: '/run/secrets/token', ReadOnly: true },
        { Type: 'volume', Source: 'b'.repeat(64), Target: '/of-the-image' },
      ],
    );
  });

  test('joins networks with aliases, addresses and links to every container of the other service', () => {
    const networks = { default: null, front: { aliases: ['www'], ipv4_address: '10.0.0.9', gw_priority: 2, interface_name: 'lan0' } };
    const { EndpointsConfig } = bodyOf({ networks, links: ['db:store'] }).NetworkingConfig;
    const links = ['shop-db-1:store', 'shop-db-1:db', 'shop-db-1:shop-db-1', 'shop-db-2:store', 'shop-db-2:db', 'shop-db-2:shop-db-2'];
    assert.deepEqual(EndpointsConfig, {
      shop_default: { Aliases: ['shop-web-1', 'web'], Links: links },
      shop_front: {
        Aliases: ['shop-web-1', 'web', 'www'],
        Links: links,
        IPAMConfig: { IPv4Address: '10.0.0.9' },
        DriverOpts: { 'com.docker.network.endpoint.ifname': 'lan0' },
        GwPriority: 2,
      },
    });
  });

  test('carries the labels by which both clients know their own', () => {
    const labels = bodyOf({
      labels: { mine: '1' },
      depends_on: { db: { condition: 'service_healthy', restart: true } },
      'x-gantry': { expose: 'lan' },
    })['Labels'];
    assert.deepEqual(labels, {
      mine: '1',
      'gantry.expose': 'lan',
      'gantry.compose.keys': 'k',
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': 'web',
      'com.docker.compose.container-number': '1',
      'com.docker.compose.oneoff': 'False',
      'com.docker.compose.config-hash': 'h',
      'com.docker.compose.image': 'sha256:1',
      'com.docker.compose.version': '1',
      'com.docker.compose.depends_on': 'db:service_healthy:true',
      'com.docker.compose.project.config_files': '/shop/compose.yaml',
      'com.docker.compose.project.working_dir': '/shop',
    });
  });
});
