import { deploy } from './deploy.ts';
import {
  duration,
  either,
  listOf,
  mapOf,
  number,
  object,
  orNull,
  pairs,
  portNumber,
  type Schema,
  size,
  text,
  textOrTexts,
  texts,
  truth,
  word,
} from './words.ts';

const command = either(text, texts, { type: 'null' });
const ulimits = mapOf(either(number, object({ soft: number, hard: number }, ['soft', 'hard'])));

const build = object({
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  args: pairs,
  ssh: pairs,
  labels: pairs,
  cache_from: texts,
  cache_to: texts,
  no_cache: truth,
  additional_contexts: pairs,
  network: text,
  pull: truth,
  target: text,
  shm_size: size,
  extra_hosts: either(mapOf(textOrTexts), texts),
  isolation: text,
  privileged: truth,
  provenance: either(text, { type: 'boolean' }),
  sbom: either(text, { type: 'boolean' }),
  secrets: listOf(either(text, object({ source: text, target: text, uid: text, gid: text, mode: number }))),
  tags: texts,
  ulimits,
  entitlements: texts,
  platforms: texts,
});

/** A file that is put into the container: of a secret or a config. */
const grant = listOf(either(text, object({ source: text, target: text, uid: text, gid: text, mode: number })));

const port = object(
  {
    name: text,
    mode: word('host', 'ingress'),
    host_ip: text,
    target: number,
    published: portNumber,
    protocol: word('tcp', 'udp', 'sctp'),
    app_protocol: text,
  },
  ['target'],
);

const mount = object(
  {
    type: word('bind', 'volume', 'tmpfs', 'image', 'cluster', 'npipe'),
    source: text,
    target: text,
    read_only: truth,
    consistency: text,
    bind: object({
      propagation: word('private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'),
      create_host_path: truth,
      recursive: word('enabled', 'disabled', 'writable', 'readonly'),
      selinux: word('z', 'Z'),
    }),
    volume: object({ nocopy: truth, subpath: text, labels: pairs }),
    tmpfs: object({ size, mode: number }),
    image: object({ subpath: text }),
  },
  ['type', 'target'],
);

const attachment = object({
  aliases: texts,
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: texts,
  mac_address: text,
  interface_name: text,
  driver_opts: mapOf({ type: ['string', 'number'] }),
  priority: number,
  gw_priority: number,
});

const dependency = object(
  { condition: word('service_started', 'service_healthy', 'service_completed_successfully'), restart: truth, required: truth },
  ['condition'],
);

const healthcheck = object({
  disable: truth,
  test: textOrTexts,
  interval: duration,
  timeout: duration,
  retries: number,
  start_period: duration,
  start_interval: duration,
});

const device = either(text, object({ source: text, target: text, permissions: text }, ['source']));
const rate = listOf(object({ path: text, rate: size }, ['path', 'rate']));
const weight = listOf(object({ path: text, weight: number }, ['path', 'weight']));
const blockIo = object({
  weight: number,
  weight_device: weight,
  device_read_bps: rate,
  device_read_iops: rate,
  device_write_bps: rate,
  device_write_iops: rate,
});

const environmentFile = either(text, listOf(either(text, object({ path: text, required: truth, format: text }, ['path']))));
const hook = object({ command: either(text, texts), user: text, privileged: truth, working_dir: text, environment: pairs }, ['command']);

const process: Record<string, Schema> = {
  command,
  entrypoint: command,
  environment: pairs,
  env_file: environmentFile,
  working_dir: text,
  user: text,
  group_add: listOf({ type: ['string', 'number'] }),
  tty: truth,
  stdin_open: truth,
  init: truth,
  stop_signal: text,
  stop_grace_period: duration,
  restart: text,
  healthcheck,
  post_start: listOf(hook),
  pre_stop: listOf(hook),
  logging: object({ driver: text, options: mapOf({ type: ['string', 'number', 'null'] }) }),
};

const network: Record<string, Schema> = {
  ports: listOf(either({ type: ['string', 'number'], format: 'port mapping' }, port)),
  expose: listOf({ type: ['string', 'number'], format: 'ports' }),
  networks: either(texts, mapOf(orNull(attachment))),
  network_mode: text,
  hostname: text,
  domainname: text,
  mac_address: text,
  dns: textOrTexts,
  dns_opt: texts,
  dns_search: textOrTexts,
  extra_hosts: either(mapOf(textOrTexts), texts),
  links: texts,
  external_links: texts,
};

const files: Record<string, Schema> = {
  volumes: listOf(either(text, mount)),
  volumes_from: texts,
  tmpfs: textOrTexts,
  configs: grant,
  secrets: grant,
  read_only: truth,
  devices: listOf(device),
  device_cgroup_rules: texts,
  storage_opt: { type: 'object' },
};

const limits: Record<string, Schema> = {
  blkio_config: blockIo,
  cpu_count: number,
  cpu_percent: number,
  cpu_shares: number,
  cpu_quota: number,
  cpu_period: either(duration, number),
  cpu_rt_period: either(duration, number),
  cpu_rt_runtime: either(duration, number),
  cpus: number,
  cpuset: text,
  gpus: either(word('all'), listOf({ type: 'object' })),
  mem_limit: size,
  mem_reservation: size,
  mem_swappiness: number,
  memswap_limit: size,
  oom_kill_disable: truth,
  oom_score_adj: number,
  pids_limit: number,
  shm_size: size,
  ulimits,
};

const isolation: Record<string, Schema> = {
  cap_add: texts,
  cap_drop: texts,
  cgroup: word('host', 'private'),
  cgroup_parent: text,
  credential_spec: { type: 'object' },
  ipc: text,
  isolation: text,
  pid: orNull(text),
  privileged: truth,
  runtime: text,
  security_opt: texts,
  sysctls: pairs,
  use_api_socket: truth,
  userns_mode: text,
  uts: text,
};

/** One service. Compose Specification, "Services top-level element". */
export const service = object({
  ...process,
  ...network,
  ...files,
  ...limits,
  ...isolation,
  annotations: pairs,
  attach: truth,
  build: either(text, build),
  container_name: { type: 'string', pattern: '^[a-zA-Z0-9][a-zA-Z0-9_.-]+$' },
  depends_on: either(texts, mapOf(dependency)),
  deploy: orNull(deploy),
  develop: orNull({ type: 'object' }),
  extends: either(text, object({ service: text, file: text }, ['service'])),
  image: text,
  label_file: textOrTexts,
  labels: pairs,
  models: {},
  platform: text,
  profiles: texts,
  provider: { type: 'object' },
  pull_policy: { type: 'string', pattern: '^(always|never|if_not_present|missing|build|refresh|daily|weekly|every_([0-9]+[wdhms])+)$' },
  pull_refresh_after: text,
  scale: number,
  'x-gantry': object({ drain: duration, restart_unhealthy: truth, expose: word('host', 'lan', 'public') }),
});
