import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Mapping } from '../document/tree.ts';
import type { Project } from '../project/project.ts';
import { dockerHash } from './docker-hash.ts';
import { changedKeys, fingerprint, keysLabel } from './fingerprint.ts';
import { mannerOf } from './manner.ts';
import type { Observed } from './observed.ts';
import { inOrder } from './order.ts';
import { type Plan, type PlanOptions, planUp } from './plan.ts';

const services = (definitions: Record<string, Mapping>): Project =>
  ({
    name: 'shop',
    services: new Map(Object.entries(definitions).map(([name, definition]) => [name, { name, definition }])),
    inactive: new Map(),
  }) as unknown as Project;

const observe = (service: string, number: number, definition: Mapping, more: Partial<Observed> = {}): Observed => {
  const keys = fingerprint(definition);
  return {
    id: `${service}${number}`,
    name: `shop-${service}-${number}`,
    service,
    number,
    oneOff: false,
    state: 'running',
    status: 'Up',
    image: 'x',
    imageId: 'sha256:1',
    labels: { 'gantry.compose.keys': keysLabel(keys), 'com.docker.compose.config-hash': dockerHash(definition) },
    replaces: undefined,
    role: 'serving',
    ...more,
  };
};

const options = (project: Project, more: Partial<PlanOptions> = {}): PlanOptions => ({
  services: inOrder(project, []),
  scale: new Map(),
  force: new Set(),
  noRecreate: false,
  facts: () => ({}),
  imageOf: () => 'sha256:1',
  mannerOf: () => ({ order: 'start-first' }),
  ...more,
});

const shown = ({ leftovers, services: plans, orphans }: Plan) => [
  ...leftovers.map(({ kind, fresh }) => `${kind} ${fresh.name}`),
  ...plans.flatMap(({ steps }) =>
    steps.map(
      (step) => `${step.kind} ${'name' in step ? step.name : step.old.name}${'because' in step ? ` (${step.because.join(', ')})` : ''}`,
    ),
  ),
  ...orphans.map(({ name }) => `orphan ${name}`),
];

const web: Mapping = { image: 'nginx', environment: { A: '1' } };

suite('planUp()', () => {
  const project = services({ web });
  for (const [name, observed, more, steps] of [
    ['creates what is missing', [], {}, ['create shop-web-1']],
    ['keeps what is the same', [observe('web', 1, web)], {}, ['keep shop-web-1']],
    ['starts what does not run', [observe('web', 1, web, { state: 'exited' })], {}, ['start shop-web-1']],
    [
      'replaces what changed, and says which key',
      [observe('web', 1, { image: 'nginx', environment: { A: '2' }, tty: true })],
      {},
      ['replace shop-web-1 (environment, tty)'],
    ],
    [
      'replaces where the image is newer',
      [observe('web', 1, web)],
      { imageOf: () => 'sha256:2' },
      ['replace shop-web-1 (image (a newer one))'],
    ],
    ['replaces by force', [observe('web', 1, web)], { force: new Set(['web']) }, ['replace shop-web-1 (forced)']],
    ['leaves all as it is when told', [observe('web', 1, { image: 'y' })], { noRecreate: true }, ['keep shop-web-1']],
    [
      'fills gaps in the numbers',
      [observe('web', 2, web)],
      { scale: new Map([['web', 3]]) },
      ['keep shop-web-2', 'create shop-web-1', 'create shop-web-3'],
    ],
    [
      'removes the highest numbers',
      [observe('web', 2, web), observe('web', 1, web)],
      {},
      ['keep shop-web-1', 'remove shop-web-2 (the scale is 1)'],
    ],
    ['knows orphans', [observe('old', 1, web), observe('web', 1, web)], {}, ['keep shop-web-1', 'orphan shop-old-1']],
    ['leaves one-off containers alone', [observe('web', 1, web, { oneOff: true })], {}, ['create shop-web-1']],
    [
      'replaces what another client made',
      [observe('web', 1, web, { labels: { 'com.docker.compose.config-hash': 'abc' } })],
      {},
      ['replace shop-web-1 (made by another client)'],
    ],
    [
      'wakes a container that was relieved by one that is gone',
      [observe('web', 1, web, { role: 'relieved' })],
      {},
      ['restart shop-web-1 (its successor is gone)'],
    ],
    [
      'undoes an update that did not get to the move',
      [observe('web', 1, { image: 'y' }), observe('web', 1, web, { id: 'n', name: 'n_shop-web-1', replaces: 'web1', role: 'standby' })],
      {},
      ['undo n_shop-web-1', 'replace shop-web-1 (environment, image)'],
    ],
    [
      'undoes an update whose new container never ran',
      [observe('web', 1, { image: 'y' }), observe('web', 1, web, { id: 'n', name: 'n_shop-web-1', replaces: 'web1', state: 'created' })],
      {},
      ['undo n_shop-web-1', 'replace shop-web-1 (environment, image)'],
    ],
    [
      'finishes an update that stopped the old container first',
      [observe('web', 1, { image: 'y' }, { state: 'exited' }), observe('web', 1, web, { id: 'n', name: 'n_shop-web-1', replaces: 'web1' })],
      {},
      ['finish n_shop-web-1', 'keep n_shop-web-1'],
    ],
    [
      'undoes a container that was to join others and did not get ready',
      [observe('web', 1, web), observe('web', 2, web, { role: 'standby' })],
      { scale: new Map([['web', 2]]) },
      ['undo shop-web-2', 'keep shop-web-1', 'create shop-web-2'],
    ],
    [
      'wakes the old container when neither runs',
      [
        observe('web', 1, web, { state: 'exited' }),
        observe('web', 1, web, { id: 'n', name: 'n_shop-web-1', replaces: 'web1', state: 'exited' }),
      ],
      {},
      ['undo n_shop-web-1', 'start shop-web-1'],
    ],
    [
      'finishes an update that got past the move',
      [
        observe('web', 1, { image: 'y' }, { role: 'relieved' }),
        observe('web', 1, web, { id: 'n', name: 'n_shop-web-1', replaces: 'web1' }),
      ],
      {},
      ['finish n_shop-web-1', 'keep n_shop-web-1'],
    ],
  ] as [string, Observed[], Partial<PlanOptions>, string[]][])
    test(name, () => assert.deepEqual(shown(planUp(project, observed, options(project, more))), steps));

  test('replaces those who share a namespace with what is replaced, and restarts those who asked for it', () => {
    const more = services({
      side: { image: 's', network_mode: 'service:web', depends_on: { web: { condition: 'service_started' } } },
      cron: { image: 'c', depends_on: { web: { condition: 'service_started', restart: true } } },
      web,
    });
    const observed = ['side', 'cron'].map((name) => observe(name, 1, more.services.get(name)?.definition ?? {}));
    assert.deepEqual(shown(planUp(more, [...observed, observe('web', 1, { image: 'y' })], options(more))), [
      'replace shop-web-1 (environment, image)',
      'replace shop-side-1 (web is replaced, whose namespace it shares)',
      'restart shop-cron-1 (web is replaced)',
    ]);
  });

  test('puts services after those that they need, and names those that are not there', () => {
    const chain = services({ a: { depends_on: { b: {} } }, b: { depends_on: { c: {} } }, c: {} });
    assert.deepEqual(inOrder(chain, []), ['c', 'b', 'a']);
    assert.deepEqual(inOrder(chain, ['b']), ['c', 'b']);
    assert.deepEqual(inOrder(chain, ['a', 'b'], false), ['b', 'a']);
    assert.throws(() => inOrder(services({ web }), ['wbe']), /no such service: wbe: did you mean "web"\?/);
  });
});

suite('fingerprint()', () => {
  test('is the same for the same meaning, and heeds what makes a container', () => {
    const a = fingerprint({
      image: 'x',
      privileged: 'true',
      scale: 1,
      build: { context: '.' },
      deploy: { replicas: 2, resources: { limits: { cpus: '1' } } },
      labels: {},
    });
    assert.equal(fingerprint({ 'x-gantry': { drain: '1s' }, 'x-mine': 1 })['x-gantry'], undefined);
    const b = fingerprint({
      privileged: true,
      image: 'x',
      scale: 3,
      build: { context: '/' },
      deploy: { replicas: 1, resources: { limits: { cpus: 1 } } },
    });
    assert.deepEqual(a, b);
    assert.deepEqual(changedKeys(keysLabel(a), fingerprint({ image: 'y', privileged: true, tty: true })), ['deploy', 'image', 'tty']);
    assert.equal(changedKeys(undefined, a), undefined);
  });
});

suite('mannerOf()', () => {
  const around = { canHandOver: true, isFolder: (path: string) => path.startsWith('/folder'), anonymousVolumes: [] };
  const volume = (more: Mapping = {}): Mapping => ({ volumes: [{ type: 'volume', source: 'data', target: '/d', ...more }] });
  const order = (value: string): Mapping => ({ deploy: { update_config: { order: value } } });
  for (const [name, definition, more, why] of [
    ['a plain service', {}, {}, undefined],
    ['a service that writes to a volume', volume(), {}, 'it writes to the volume data'],
    ['one that may, as the file says', { ...volume(), ...order('start-first') }, {}, undefined],
    ['one that only reads', volume({ read_only: true }), {}, undefined],
    ['a folder of the host', { volumes: [{ type: 'bind', source: '/folder/x', target: '/d' }] }, {}, 'it writes to /folder/x'],
    ['a file of the host', { volumes: [{ type: 'bind', source: '/file', target: '/d' }] }, {}, undefined],
    ['a volume of the image', {}, { anonymousVolumes: ['/var/lib'] }, 'it writes to the volume at /var/lib that its image asks for'],
    [
      'a fixed address, whatever the file says',
      { networks: { front: { ipv4_address: '10.0.0.2' } }, ...order('start-first') },
      {},
      'its IPv4 address on front is fixed',
    ],
    ['the network of the host', { network_mode: 'host' }, {}, 'it is on the network of the host, where a port has one owner'],
    ['what the file says', order('stop-first'), {}, 'the file says stop-first'],
    ['another engine', {}, { canHandOver: false }, 'this engine cannot hand ports over'],
  ] as [string, Mapping, object, string | undefined][])
    test(`${name}: ${why === undefined ? 'the new one first' : 'the old one first'}`, () =>
      assert.deepEqual(
        mannerOf({ name: 'web', definition }, { state: 'running' }, { ...around, ...more }),
        why === undefined ? { order: 'start-first' } : { order: 'stop-first', why },
      ));
});
