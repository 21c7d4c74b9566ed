import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { type LoadOptions, loadProject } from './load.ts';
import type { Project } from './project.ts';

const root = mkdtempSync(path.join(tmpdir(), 'gantry-compose-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** A folder with these files. */
function folderOf(files: Record<string, string>): string {
  count += 1;
  const folder = path.join(root, `shop${count}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

interface Loaded {
  folder: string;
  warnings: string[];
  project: Project;
  service(name: string): Record<string, unknown>;
}

function load(files: Record<string, string> | string, more: Partial<LoadOptions> & { env?: Record<string, string> } = {}): Loaded {
  const folder = folderOf(typeof files === 'string' ? { 'compose.yaml': files } : files);
  const warnings: string[] = [];
  const { env = {}, ...rest } = more;
  const project = loadProject({
    files: [],
    environmentFiles: [],
    profiles: [],
    wanted: [],
    name: undefined,
    folder: undefined,
    around: { env, cwd: folder, home: '/home/me' },
    warn: (text) => warnings.push(text),
    stdin: () => '',
    ...rest,
  });
  const service = (name: string) => JSON.parse(JSON.stringify(project.services.get(name)?.definition ?? null));
  return { folder, warnings, project, service };
}

const web = (lines: string) => `services:\n  web:\n    image: nginx\n${lines.replaceAll(/^/gm, '    ')}\n`;

suite('a project', () => {
  test('is named by its folder, its file, the environment or the flag, the last one first', () => {
    assert.match(load(web('tty: true')).project.name, /^shop\d+$/);
    assert.equal(load(`name: own\n${web('tty: true')}`).project.name, 'own');
    assert.equal(load({ 'compose.yaml': web('tty: true'), '.env': 'COMPOSE_PROJECT_NAME=dot\n' }).project.name, 'dot');
    assert.equal(load(web('tty: true'), { env: { COMPOSE_PROJECT_NAME: 'around' }, name: 'flag' }).project.name, 'flag');
    assert.throws(() => load(web('tty: true'), { name: 'A b' }), /invalid project name "A b"/);
  });

  test('is found in the folders above, with the file that overrides', () => {
    const folder = folderOf({
      'docker-compose.yml': web('tty: true'),
      'docker-compose.override.yml': 'services: {web: {tty: false}}',
      'sub/x': '',
    });
    const { project } = load('', { around: { env: {}, cwd: path.join(folder, 'sub'), home: '/' } });
    assert.equal(project.folder, folder);
    assert.equal(project.services.get('web')?.definition['tty'], false);
    assert.throws(() => load({ x: '' }), /no configuration file provided/);
  });

  test('gets variables from around first, then from .env or the files that are named', () => {
    const files = { 'compose.yaml': web('hostname: $A-$B-${COMPOSE_PROJECT_NAME}'), '.env': 'A=dot\nB=dot\n', 'other.env': 'B=other\n' };
    assert.equal(load(files, { env: { A: 'around' }, name: 'p' }).service('web')['hostname'], 'around-dot-p');
    const named = load(files, { environmentFiles: ['other.env'], name: 'p' });
    assert.equal(named.service('web')['hostname'], '-other-p');
    assert.deepEqual(named.warnings, ['The "A" variable is not set. Defaulting to a blank string.']);
  });
});

suite('short forms', () => {
  for (const [lines, key, value] of [
    [
      'ports: ["8080:80", "53/udp", "127.0.0.1:90-91:90-91", "8000-8010:80", "[::1]:1:1"]',
      'ports',
      [
        { mode: 'ingress', target: 80, published: '8080', protocol: 'tcp' },
        { mode: 'ingress', target: 53, protocol: 'udp' },
        { mode: 'ingress', target: 90, published: '90', protocol: 'tcp', host_ip: '127.0.0.1' },
        { mode: 'ingress', target: 91, published: '91', protocol: 'tcp', host_ip: '127.0.0.1' },
        { mode: 'ingress', target: 80, published: '8000-8010', protocol: 'tcp' },
        { mode: 'ingress', target: 1, published: '1', protocol: 'tcp', host_ip: '::1' },
      ],
    ],
    ['environment: [A=1, B=x=y, C]', 'environment', { A: '1', B: 'x=y', C: null }],
    ['command: echo "a b" c', 'command', ['echo', 'a b', 'c']],
    ['healthcheck: {test: "exit 0"}', 'healthcheck', { test: ['CMD-SHELL', 'exit 0'] }],
    ['extra_hosts: ["a:1.2.3.4", "a=5.6.7.8", "b:::1"]', 'extra_hosts', { a: ['1.2.3.4', '5.6.7.8'], b: ['::1'] }],
    ['networks: [default]', 'networks', { default: null }],
    ['secrets: []', 'secrets', []],
    ['dns: 1.1.1.1', 'dns', ['1.1.1.1']],
    ['devices: [/dev/null]', 'devices', [{ source: '/dev/null', target: '/dev/null', permissions: 'rwm' }]],
    [
      'volumes: [/data, "/etc:/e:ro,z", "~/x:/x"]',
      'volumes',
      [
        { type: 'volume', target: '/data', volume: {} },
        { type: 'bind', source: '/etc', target: '/e', bind: { create_host_path: true, selinux: 'z' }, read_only: true },
        { type: 'bind', source: '/home/me/x', target: '/x', bind: { create_host_path: true } },
      ],
    ],
  ] as const)
    test(`${lines}`, () => assert.deepEqual(load(web(lines)).service('web')[key], value));

  for (const [lines, message] of [
    ['ports: ["90-80:80"]', /a range ends before it begins/],
    ['ports: ["80-82:80-81"]', /the two ranges differ in length/],
    ['ports: ["70000:80"]', /ports go from 1 to 65535/],
    ['volumes: ["a:b"]', /"b" is not an absolute path in the container/],
    ['volumes: ["/a:/b:frob"]', /"frob" is no option of a mount/],
    ['command: "a \'b"', /a ' that is not closed/],
  ] as const)
    test(`${lines} is refused with its place`, () =>
      assert.throws(
        () => load(web(lines)),
        (error: Error) => message.test(error.message) && /^compose\.yaml:4:\d+: /.test(error.message),
      ));
});

suite('several files', () => {
  const base = `${web(
    'ports: ["80:80"]\nenvironment: {A: 1, B: 2}\ncommand: [a, b]\nvolumes: ["data:/data", "/x:/y"]\ndns: [1.1.1.1]\nlabels: [l=1]\nlogging: {driver: local, options: {max-size: 1m}}',
  )}volumes: {data: {}}\n`;
  const merged = (over: string) =>
    load({ 'compose.yaml': base, 'over.yaml': over }, { files: ['compose.yaml', 'over.yaml'] }).service('web');
  for (const [over, key, value] of [
    ['environment: [B=3, C=4]', 'environment', { A: '1', B: '3', C: '4' }],
    ['command: c', 'command', ['c']],
    ['dns: [8.8.8.8, 1.1.1.1]', 'dns', ['1.1.1.1', '8.8.8.8']],
    ['labels: {l: 2}', 'labels', { l: '2' }],
    ['logging: {driver: json-file}', 'logging', { driver: 'json-file' }],
    ['logging: {options: {max-file: 2}}', 'logging', { driver: 'local', options: { 'max-size': '1m', 'max-file': 2 } }],
    ['ports: !override ["81:81"]', 'ports', [{ mode: 'ingress', target: 81, published: '81', protocol: 'tcp' }]],
    ['ports: !reset []', 'ports', undefined],
    ['environment: {A: !reset null}', 'environment', { B: '2' }],
    ['image: other', 'image', 'other'],
  ] as const)
    test(over, () => assert.deepEqual(merged(`services: {web: {${over}}}`)[key], value));

  test('mounts are the same when their targets are, ports when all of them is', () => {
    const web = merged('services: {web: {volumes: ["/z:/y"], ports: ["80:80", "90:90"]}}');
    assert.deepEqual(
      (web['volumes'] as { source: string }[]).map(({ source }) => source),
      ['data', '/z'],
    );
    assert.equal((web['ports'] as unknown[]).length, 2);
  });
});

suite('extends and include', () => {
  test('extends takes a service of the same or another file, its paths relative to that file', () => {
    const { service, folder } = load({
      'compose.yaml':
        'services:\n  web: {extends: {file: lib/base.yaml, service: app}, environment: {B: 2}}\n  api: {extends: web, image: y}\n',
      'lib/base.yaml':
        'services:\n  app: {extends: root, build: ./ctx, volumes: ["./src:/src"], env_file: a.env, environment: {A: 1}}\n  root: {image: x, environment: {R: 0}}\n',
      'lib/a.env': 'FILE=yes\nA=file\n',
    });
    assert.deepEqual(service('web')['environment'], { A: '1', B: '2', FILE: 'yes', R: '0' });
    assert.equal((service('web')['build'] as { context: string }).context, path.join(folder, 'lib/ctx'));
    assert.equal((service('web')['volumes'] as { source: string }[])[0]?.source, path.join(folder, 'lib/src'));
    assert.equal(service('api')['image'], 'y');
  });

  test('include joins a project with its folder and variables of its own', () => {
    const { service, folder, project } = load({
      'compose.yaml': 'include: [db/compose.yaml, {path: [c.yaml], env_file: c.env}]\nservices: {web: {image: x, depends_on: [db]}}\n',
      'db/compose.yaml': 'name: other\nservices: {db: {image: "db:$V", volumes: ["./d:/d"]}}\n',
      'db/.env': 'V=15\n',
      'c.yaml': 'services: {cache: {image: "c:$V"}}\n',
      'c.env': 'V=7\n',
    });
    assert.equal(service('db')['image'], 'db:15');
    assert.equal((service('db')['volumes'] as { source: string }[])[0]?.source, path.join(folder, 'db/d'));
    assert.equal(service('cache')['image'], 'c:7');
    assert.match(project.name, /^shop/);
  });

  for (const [name, files, message] of [
    ['a circle of extends', { 'compose.yaml': 'services: {a: {extends: b}, b: {extends: a}}' }, /extends itself in the end/],
    ['a service that is not there', { 'compose.yaml': 'services: {a: {extends: b}}' }, /has no service "b"/],
    ['a file that is not there', { 'compose.yaml': 'include: [no.yaml]' }, /open .*no\.yaml: no such file/],
    ['a circle of includes', { 'compose.yaml': 'include: [compose.yaml]' }, /includes itself/],
    [
      'two that differ',
      { 'compose.yaml': 'include: [a.yaml, b.yaml]', 'a.yaml': 'services: {s: {image: a}}', 'b.yaml': 'services: {s: {image: b}}' },
      /services\.s is defined differently/,
    ],
  ] as const)
    test(`${name} is refused`, () => assert.throws(() => load(files as unknown as Record<string, string>), message));
});

suite('what a file means', () => {
  test('profiles choose services, and naming one chooses its profile', () => {
    const text = 'services:\n  a: {image: x}\n  b: {image: x, profiles: [dev]}\n  c: {image: x, profiles: [dev, test]}\n';
    const names = (more: Parameters<typeof load>[1]) => [...load(text, more).project.services.keys()].join('');
    assert.equal(names({}), 'a');
    assert.equal(names({ profiles: ['test'] }), 'ac');
    assert.equal(names({ env: { COMPOSE_PROFILES: 'dev' } }), 'abc');
    assert.equal(names({ profiles: ['*'] }), 'abc');
    assert.equal(names({ wanted: ['c'] }), 'abc');
  });

  test('namespaces, links and volumes of others are dependencies', () => {
    const { service } = load(
      'services:\n  a: {image: x, network_mode: "service:b", volumes_from: ["c:ro"], links: ["d:e"]}\n  b: {image: x}\n  c: {image: x}\n  d: {image: x}\n'.replace(
        'network_mode: "service:b", ',
        'pid: "service:b", ',
      ),
    );
    assert.deepEqual(Object.keys(service('a')['depends_on'] as object), ['b', 'd', 'c']);
  });

  test('networks and volumes get the name of the project before theirs, unless they are external or named', () => {
    const { project } = load(
      `name: p\n${web('networks: [a, b, c]')}networks: {a: {}, b: {name: bee}, c: {external: true}, d: {external: {name: dee}}}\n`,
    );
    assert.deepEqual(
      [...project.networks.values()].map(({ name }) => name),
      ['p_a', 'bee', 'c', 'dee'],
    );
    assert.deepEqual([...load(`name: p\n${web('tty: true')}`).project.networks.keys()], ['default']);
  });

  for (const [lines, message] of [
    ['networks: [fron]\nx-a: 1', /compose\.yaml:4:16: services\.web\.networks: there is no network "fron"/],
    ['volumes: ["dta:/x"]', /there is no volume "dta": did you mean "data"\?/],
    ['secrets: [s]', /there is no secret "s"/],
    ['depends_on: [wbe]', /there is no service "wbe": did you mean "web"\?/],
    ['depends_on: [web]', /wait for each other in a circle: web → web/],
    ['gpus: all', /services\.web\.gpus: not supported: Gantry does not pass GPUs on/],
    ['network_mode: host\nnetworks: [default]', /excludes "networks"/],
    ['cpus: 1\ndeploy: {resources: {limits: {cpus: 2}}}', /cpus: deploy\.resources\.limits\.cpus says something else/],
    ['tmpfs: [/x]\nvolumes: ["/x:/x"]', /volumes: there is something at \/x already/],
    ['ports: ["8080:80"]\nscale: 2', /2 containers cannot have port 8080 of the host: give a range \(8080-8081\)/],
    ['container_name: x1\nscale: 2', /2 containers cannot have one name/],
    ['env_file: nope.env', /open .*nope\.env: no such file/],
    ['hostname: ${X:?give X}', /compose\.yaml:4:15: the variable X is required: give X/],
  ] as const)
    test(`${lines.split('\n')[0]} is refused`, () =>
      assert.throws(() => load(`${web(lines)}volumes: {data: }\nnetworks: {front: }\n`), message));

  test('a service without image and build is refused, and all faults are told together', () => {
    assert.throws(
      () => load('services: {a: {}, b: {image: x, secrets: [s]}}'),
      /services\.a: it has neither an image nor a build[^]*there is no secret "s"/,
    );
  });
});
