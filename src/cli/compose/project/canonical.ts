import { fail } from '../document/faults.ts';
import { isMapping, type Mapping, type Place, setSpot, spotOf, type Tree, withSpots } from '../document/tree.ts';
import { splitWords } from '../values/words.ts';
import { isRemote, type Paths } from './paths.ts';
import { device, hostPair, mount, pair, ports } from './short-forms.ts';

interface Around {
  paths: Paths;
  place: Place | undefined;
}
type Change = (value: Tree, around: Around) => Tree;

/** An entry of a list as one or several long forms, each known to come from where the short one stood. */
const each =
  (change: (item: Tree, around: Around) => Tree[]): Change =>
  (value, around) => {
    if (!Array.isArray(value)) return value;
    const made: Tree[] = [];
    value.forEach((item, at) => {
      const spot = spotOf(value, at);
      for (const one of change(item, { ...around, place: spot?.value ?? around.place })) {
        made.push(one);
        setSpot(made, made.length - 1, spot);
      }
    });
    return made;
  };

/** A list of texts as a mapping. */
const mappingBy =
  (read: (text: string, place: Place | undefined) => [string, Tree]): Change =>
  (value, { place }) => {
    if (!Array.isArray(value)) return value;
    const made: Mapping = {};
    value.forEach((item, at) => {
      const spot = spotOf(value, at);
      const [key, entry] = read(String(item), spot?.value ?? place);
      made[key] = entry;
      setSpot(made, key, spot);
    });
    return made;
  };

const pairs: Change = mappingBy(pair);
const list: Change = (value) => (typeof value === 'string' ? [value] : value);

const words: Change = (value, { place }) => {
  if (typeof value !== 'string') return value;
  try {
    return splitWords(value);
  } catch (error) {
    return fail(place, error instanceof Error ? error.message : String(error));
  }
};

const hosts: Change = (value, around) => {
  const made: Mapping = {};
  if (Array.isArray(value))
    value.forEach((item, at) => {
      const [name, address] = hostPair(String(item), spotOf(value, at)?.value ?? around.place);
      made[name] = [...((made[name] as Tree[] | undefined) ?? []), address];
      setSpot(made, name, spotOf(value, at));
    });
  else if (isMapping(value)) for (const [name, address] of Object.entries(value)) made[name] = [address].flat();
  else return value;
  return made;
};

const within =
  (changes: Record<string, Change>): Change =>
  (value, around) =>
    isMapping(value) ? changeKeys(value, changes, around) : value;

function changeKeys(tree: Mapping, changes: Record<string, Change>, around: Around): Mapping {
  const made: Mapping = {};
  for (const [key, value] of Object.entries(tree)) {
    const change = changes[key];
    made[key] = change && value !== null ? change(value, { ...around, place: spotOf(tree, key)?.value ?? around.place }) : value;
  }
  return withSpots(made, tree);
}

const pathOf: Change = (value, { paths }) => (typeof value === 'string' ? paths.resolve(value) : value);
const contextPath: Change = (value, { paths }) => (typeof value === 'string' && !isRemote(value) ? paths.resolve(value) : value);

const build: Change = (value, around) =>
  within({
    context: contextPath,
    args: pairs,
    labels: pairs,
    ssh: pairs,
    extra_hosts: hosts,
    additional_contexts: (contexts, inner) => {
      const named = pairs(contexts, inner);
      return isMapping(named) ? changeKeys(named, Object.fromEntries(Object.keys(named).map((key) => [key, contextPath])), inner) : named;
    },
    secrets: each((item) => [typeof item === 'string' ? { source: item } : item]),
  })(typeof value === 'string' ? { context: value } : value, around);

const environmentFiles: Change = (value, around) =>
  each((item, { paths }) => {
    const entry: Mapping = isMapping(item) ? item : { path: item };
    return [withSpots({ ...entry, path: paths.resolve(String(entry['path'])), required: entry['required'] ?? true }, entry)];
  })(typeof value === 'string' ? [value] : value, around);

const longMount: Change = (value, around) => {
  if (!isMapping(value)) return value;
  const made = changeKeys(value, { volume: within({ labels: pairs }) }, around);
  return made['type'] === 'bind' ? changeKeys(made, { source: pathOf }, around) : made;
};

const hooks = each((item, around) => [within({ command: words, environment: pairs })(item, around)]);

const longPort = (item: Mapping): Mapping =>
  withSpots(
    {
      mode: 'ingress',
      protocol: 'tcp',
      ...item,
      target: Number(item['target']),
      ...(item['published'] === undefined ? {} : { published: String(item['published']) }),
    },
    item,
  );

const test: Change = (value) => (typeof value === 'string' ? ['CMD-SHELL', value] : value);
const grants = each((item) => [isMapping(item) ? item : { source: item }]);

const SERVICE: Record<string, Change> = {
  annotations: pairs,
  build,
  command: words,
  configs: grants,
  depends_on: mappingBy((name) => [name, { condition: 'service_started', required: true }]),
  deploy: within({ labels: pairs }),
  develop: within({ watch: each((item, around) => [within({ path: pathOf })(item, around)]) }),
  devices: each((item) => [typeof item === 'string' ? device(item) : item]),
  dns: list,
  dns_search: list,
  entrypoint: words,
  env_file: environmentFiles,
  environment: pairs,
  extends: (value) => (typeof value === 'string' ? { service: value } : value),
  extra_hosts: hosts,
  healthcheck: within({ test }),
  label_file: (value, around) => each((item, { paths }) => [paths.resolve(String(item))])(list(value, around), around),
  labels: pairs,
  networks: mappingBy((name) => [name, null]),
  post_start: hooks,
  pre_stop: hooks,
  ports: each((item, { place }) => (isMapping(item) ? [longPort(item)] : ports(String(item), place))),
  secrets: grants,
  sysctls: pairs,
  tmpfs: list,
  volumes: each((item, around) => [typeof item === 'string' ? mount(item, around.paths, around.place) : longMount(item, around)]),
};

/** A service with every short form written out and paths made absolute, so that files can be merged and compared. */
export function canonicalService(tree: Tree, paths: Paths): Mapping {
  return isMapping(tree) ? changeKeys(tree, SERVICE, { paths, place: undefined }) : {};
}

const OBJECT: Record<string, Change> = { labels: pairs, file: pathOf };

/** A network, volume, secret or config, likewise. `external: {name: x}` becomes a name. */
export function canonicalObject(tree: Tree, paths: Paths): Mapping {
  if (!isMapping(tree)) return {};
  const made = changeKeys(tree, OBJECT, { paths, place: undefined });
  const { external } = made;
  if (isMapping(external)) Object.assign(made, { external: true, ...(external['name'] === undefined ? {} : { name: external['name'] }) });
  return made;
}
