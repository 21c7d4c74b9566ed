import { createHash } from 'node:crypto';
import { isMapping, type Mapping, type Tree } from '../document/tree.ts';
import { Section } from '../project/section.ts';

/**
 * The digest that Docker Compose puts into the label `com.docker.compose.config-hash`, so that each client takes what the other made
 * for its own. It is the SHA-256 of the service as JSON with that client's order of keys and forms of values; undefined means that a key is
 * left out. Tested against the client itself: `docker compose config --hash`.
 */
type Form = (section: Section, key: string) => unknown;
type Shape = readonly (readonly [key: string, form: Form])[];

const text: Form = (section, key) => section.text(key) || undefined;
const texts: Form = (section, key) => filled(section.texts(key));
const number: Form = (section, key) => section.number(key) || undefined;
const truth: Form = (section, key) => section.truth(key) || undefined;
/** Where false says something else than nothing. */
const choice: Form = (section, key) => section.truth(key);
const count: Form = (section, key) => section.number(key);
/** Bytes, as a text. */
const size: Form = (section, key) => (section.has(key) ? String(section.size(key)) : undefined);
const duration: Form = (section, key) => (section.has(key) ? goDuration(section.duration(key) ?? 0) : undefined);
const pairs: Form = (section, key) =>
  filled(sorted(section.entries(key).map(([name, value]) => [name, value === null ? '' : String(value)])));
/** A name without value stays one. */
const environment: Form = (section, key) =>
  filled(sorted(section.entries(key).map(([name, value]) => [name, value === null ? null : String(value)])));
const nullable: Form = (section, key) => (Array.isArray(section.tree[key]) ? section.texts(key) : null);

const object =
  (shape: Shape): Form =>
  (section, key) =>
    section.has(key) ? shaped(section.section(key), shape) : undefined;
const list =
  (shape: Shape): Form =>
  (section, key) =>
    filled(section.sections(key).map((one) => shaped(one, shape)));

function filled<T extends object>(value: T): T | undefined {
  return Object.keys(value).length > 0 ? value : undefined;
}

const sorted = (entries: [string, unknown][]) => Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));

const shaped = (section: Section, shape: Shape) =>
  Object.fromEntries(shape.map(([key, form]) => [key, form(section, key)] as const).filter(([, value]) => value !== undefined));

/** Nanoseconds as Go prints them: `1m30s`, `500ms`. */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  for (const [unit, length] of [
    ['ns', 1],
    ['µs', 1e3],
    ['ms', 1e6],
  ] as const)
    if (nanoseconds < length * 1000) return `${nanoseconds / length}${unit}`;
  const seconds = nanoseconds / 1e9;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${Number((seconds % 60).toFixed(9))}s`;
}

const octal: Form = (section, key) => (section.has(key) ? `0${(section.number(key) ?? 0).toString(8)}` : undefined);

const grant = (target: Form): Shape => [
  ['source', text],
  ['target', target],
  ['uid', text],
  ['gid', text],
  ['mode', octal],
];
const secretTarget: Form = (section) => section.text('target') ?? `/run/secrets/${section.text('source')}`;

const rates: Form = (section, key) =>
  filled(section.sections(key).map((one) => ({ Path: one.text('path'), Rate: String(one.size('rate')) })));
const weights: Form = (section, key) =>
  filled(section.sections(key).map((one) => ({ Path: one.text('path'), Weight: one.number('weight') })));

const resource: Shape = [
  ['cpus', number],
  ['memory', size],
  ['pids', number],
];
const update: Shape = [
  ['parallelism', count],
  ['delay', duration],
  ['failure_action', text],
  ['monitor', duration],
  ['max_failure_ratio', number],
  ['order', text],
];

const deploy: Shape = [
  ['mode', text],
  ['labels', pairs],
  ['update_config', object(update)],
  ['rollback_config', object(update)],
  [
    'resources',
    (section, key) =>
      section.has(key)
        ? shaped(section.section(key), [
            ['limits', object(resource)],
            ['reservations', object(resource)],
          ])
        : {},
  ],
  [
    'restart_policy',
    object([
      ['condition', text],
      ['delay', duration],
      ['max_attempts', count],
      ['window', duration],
    ]),
  ],
  [
    'placement',
    (section, key) =>
      shaped(section.section(key), [
        ['constraints', texts],
        ['preferences', list([['spread', text]])],
        ['max_replicas_per_node', number],
      ]),
  ],
  ['endpoint_mode', text],
];

const healthcheck: Shape = [
  ['test', texts],
  ['timeout', duration],
  ['interval', duration],
  ['retries', count],
  ['start_period', duration],
  ['start_interval', duration],
  ['disable', truth],
];

const mount: Shape = [
  ['type', text],
  ['source', text],
  ['target', text],
  ['read_only', truth],
  ['consistency', text],
  [
    'bind',
    object([
      ['selinux', text],
      ['propagation', text],
      ['create_host_path', truth],
      ['recursive', text],
    ]),
  ],
  [
    'volume',
    object([
      ['labels', pairs],
      ['nocopy', truth],
      ['subpath', text],
    ]),
  ],
  [
    'tmpfs',
    object([
      ['size', size],
      ['mode', number],
    ]),
  ],
  ['image', object([['subpath', text]])],
];

const port: Shape = [
  ['name', text],
  ['mode', text],
  ['host_ip', text],
  ['target', number],
  ['published', text],
  ['protocol', text],
  ['app_protocol', text],
];

const attachment: Shape = [
  ['aliases', texts],
  ['driver_opts', pairs],
  ['gw_priority', number],
  ['interface_name', text],
  ['ipv4_address', text],
  ['ipv6_address', text],
  ['link_local_ips', texts],
  ['mac_address', text],
  ['priority', number],
];

const networks: Form = (section, key) =>
  section.has(key)
    ? sorted(section.entries(key).map(([name, wish]) => [name, wish === null ? null : shaped(new Section(wish), attachment)]))
    : undefined;

const ulimits: Form = (section, key) =>
  filled(
    sorted(
      section.entries(key).map(([name, value]) => {
        const both = new Section(value);
        return [name, isMapping(value) ? { soft: both.number('soft'), hard: both.number('hard') } : Number(value)];
      }),
    ),
  );

const hosts: Form = (section, key) =>
  filled(
    Object.entries(sorted(section.entries(key))).flatMap(([name, addresses]) =>
      [addresses as Tree].flat().map((address) => `${name}=${address}`),
    ),
  );

const hookRest: Shape = [
  ['user', text],
  ['privileged', truth],
  ['working_dir', text],
  ['environment', pairs],
];
const hook: Form = (section, key) =>
  filled(section.sections(key).map((one) => ({ command: one.texts('command'), ...shaped(one, hookRest) })));

const trigger: Shape = [
  ['path', text],
  ['action', text],
  ['target', text],
  ['exec', (section, key) => ({ command: nullable(section.section(key), 'command'), ...shaped(section.section(key), hookRest) })],
  ['include', texts],
  ['ignore', texts],
  ['initial_sync', truth],
];

const service: Shape = [
  ['annotations', pairs],
  ['attach', choice],
  ['develop', object([['watch', list(trigger)]])],
  [
    'blkio_config',
    object([
      ['weight', number],
      ['weight_device', weights],
      ['device_read_bps', rates],
      ['device_read_iops', rates],
      ['device_write_bps', rates],
      ['device_write_iops', rates],
    ]),
  ],
  ['cap_add', texts],
  ['cap_drop', texts],
  ['cgroup_parent', text],
  ['cgroup', text],
  ['cpu_period', number],
  ['cpu_quota', number],
  ['cpu_rt_period', number],
  ['cpu_rt_runtime', number],
  ['cpus', number],
  ['cpuset', text],
  ['cpu_shares', number],
  ['command', nullable],
  ['configs', list(grant(text))],
  ['container_name', text],
  ['deploy', object(deploy)],
  ['device_cgroup_rules', texts],
  [
    'devices',
    list([
      ['source', text],
      ['target', text],
      ['permissions', text],
    ]),
  ],
  ['dns', texts],
  ['dns_opt', texts],
  ['dns_search', texts],
  ['domainname', text],
  ['entrypoint', nullable],
  ['environment', environment],
  ['expose', texts],
  ['external_links', texts],
  ['extra_hosts', hosts],
  ['group_add', texts],
  ['hostname', text],
  ['healthcheck', object(healthcheck)],
  ['image', text],
  ['init', choice],
  ['ipc', text],
  ['isolation', text],
  ['labels', pairs],
  ['links', texts],
  [
    'logging',
    object([
      ['driver', text],
      ['options', pairs],
    ]),
  ],
  ['mem_limit', size],
  ['mem_reservation', size],
  ['memswap_limit', size],
  ['mem_swappiness', text],
  ['mac_address', text],
  ['network_mode', text],
  ['networks', networks],
  ['oom_kill_disable', truth],
  ['oom_score_adj', number],
  ['pid', text],
  ['pids_limit', number],
  ['platform', text],
  ['ports', list(port)],
  ['privileged', truth],
  ['read_only', truth],
  ['restart', text],
  ['runtime', text],
  ['secrets', list(grant(secretTarget))],
  ['security_opt', texts],
  ['shm_size', size],
  ['stdin_open', truth],
  ['stop_grace_period', duration],
  ['stop_signal', text],
  ['sysctls', pairs],
  ['tmpfs', texts],
  ['tty', truth],
  ['ulimits', ulimits],
  ['user', text],
  ['userns_mode', text],
  ['uts', text],
  ['volumes', list(mount)],
  ['volumes_from', texts],
  ['working_dir', text],
  ['post_start', hook],
  ['pre_stop', hook],
];

/** As Go writes it. */
const goJson = (value: unknown) =>
  JSON.stringify(value).replaceAll(/[&<>\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * The digest of a complete service. `idOf` knows the containers whose namespaces or volumes are shared: by their ids, a digest tells that another
 * container is there. Where it does not, the name of the service stands.
 */
export function dockerHash(definition: Mapping, idOf: (service: string) => string | undefined = () => undefined): string {
  const modes = ['network_mode', 'ipc', 'pid'].flatMap((key): [string, Tree][] => {
    const other = /^service:(.+)$/.exec(String(definition[key] ?? ''))?.[1];
    const id = other === undefined ? undefined : idOf(other);
    return id === undefined ? [] : [[key, `container:${id}`]];
  });
  const { volumes_from: sources } = definition;
  const volumes = Array.isArray(sources) ? { volumes_from: sources.map((one) => idOf(String(one).split(':')[0] ?? '') ?? one) } : {};
  const made = shaped(new Section({ ...definition, ...Object.fromEntries(modes), ...volumes }), service);
  return createHash('sha256').update(goJson(made)).digest('hex');
}
