import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { renderFaults } from '../document/faults.ts';
import { parse } from '../document/parse.ts';
import { check } from './check.ts';

const faultsOf = (text: string) => check(parse({ name: 'compose.yaml', text }));
const first = (text: string) => renderFaults(faultsOf(text).slice(0, 1)).split('\n')[0];
const web = (line: string) => `services:\n  web:\n    ${line}\n`;

suite('the schema', () => {
  for (const [line, message] of [
    ['imge: nginx', '3:5: services.web: unknown key "imge": did you mean "image"?'],
    ['build: {contxt: .}', '3:13: services.web.build: unknown key "contxt": did you mean "context"?'],
    ['ports: [{target: 80, publishd: 8080}]', '3:26: services.web.ports.0: unknown key "publishd": did you mean "published"?'],
    ['privileged: maybe', '3:17: services.web.privileged: "maybe" is not true or false'],
    ['ports: "80:80"', '3:12: services.web.ports: "80:80" is not a list'],
    ['ports: ["80:x"]', '3:13: services.web.ports.0: "80:x" is not [[host address:][host port]:]port[/protocol], such as "8080:80"'],
    ['environment: 1', '3:18: services.web.environment: 1 is not a mapping or a list'],
    ['environment: {A: [1]}', '3:22: services.web.environment.A: a list is not a text or a number or true or false or empty'],
    ['stop_grace_period: soon', '3:24: services.web.stop_grace_period: "soon" is not a time such as 30s or 1m30s'],
    ['mem_limit: lots', '3:16: services.web.mem_limit: "lots" is not a size such as 512m or 1.5gb'],
    [
      'depends_on: {db: {condition: healthy}}',
      '3:34: services.web.depends_on.db.condition: "healthy" is none of service_started, service_healthy, service_completed_successfully',
    ],
    ['depends_on: {db: {}}', '3:18: services.web.depends_on.db: the key "condition" is missing'],
    ['deploy: {update_config: {order: both}}', '3:37: services.web.deploy.update_config.order: "both" is none of start-first, stop-first'],
    ['volumes: [{type: bind, source: .}]', '3:15: services.web.volumes.0: the key "target" is missing'],
    ['command: [echo, true]', '3:21: services.web.command.1: true is not a text: write "true"'],
    ['image: [a]', '3:12: services.web.image: a list is not a text'],
    ['container_name: "a b"', '3:21: services.web.container_name: "a b" does not fit ^[a-zA-Z0-9][a-zA-Z0-9_.-]+$'],
  ] as const)
    test(`refuses ${line}`, () => assert.equal(first(web(line)), `compose.yaml:${message}`));

  test('refuses unknown sections and names by their place', () => {
    assert.equal(first('servces: {}\n'), 'compose.yaml:1:1: unknown key "servces" at the top level: did you mean "services"?');
    assert.equal(
      first('services:\n  "a b": {image: x}\n'),
      'compose.yaml:2:3: services: "a b" cannot be a name: letters, digits, dots, dashes and underscores can',
    );
  });

  test('tells every fault, in the order of the file', () => {
    const places = faultsOf(web('imge: x\n    prts: []\n    tty: 3x')).map(({ message }) => message.split(':')[1]);
    assert.deepEqual(places, [' unknown key "imge"', ' unknown key "prts"', ' "3x" is not true or false']);
  });

  for (const line of [
    'x-anything: {a: 1}',
    'ports: [80, "80", "8080:80", "127.0.0.1:8080:80/udp", "[::1]:80:80", "8000-8010:80-90", "127.0.0.1::80", {target: 80, published: "8000-8001"}]',
    'environment: {A: 1, B: true, C: null, D: text}',
    'environment: [A=1, B]',
    'env_file: [a.env, {path: b.env, required: false}]',
    'deploy: {replicas: "2", resources: {limits: {cpus: "0.5", memory: 64M}}}',
    'healthcheck: {test: [CMD, "true"], interval: 1s, retries: 3}',
    'networks: {front: {aliases: [a]}, back: null}',
    'depends_on: {db: {condition: service_healthy, restart: true}}',
    'secrets: [a, {source: b, target: c, mode: 0440}]',
    'command: null',
    'privileged: "true"',
    'x-gantry: {drain: 30s}',
  ])
    test(`takes ${line}`, () => assert.deepEqual(faultsOf(web(line)), []));
});
