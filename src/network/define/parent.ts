import { invalid } from '../../base/index.ts';

/** What the options of macvlan and ipvlan ask for. */
export interface ParentSettings {
  /** Device of the host; '' means a device of the network's own that leads nowhere. */
  parent: string;
  /** VLAN of the parent, when its name says `device.number`: made when it is not there. */
  vlan?: { device: string; id: number };
  mode: string;
  /** ipvlan's flag. */
  flag: string;
  mtu?: number;
}

const MODES = {
  macvlan: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan: ['l2', 'l3', 'l3s'],
} as const;
const FLAGS = ['bridge', 'private', 'vepa'];

/** Reads the options of a network that lies on a device of the host. Fails with `invalid`, naming the option. */
export function readMacvlanOptions(
  driver: 'macvlan' | 'ipvlan',
  options: Readonly<Record<string, string>>,
  internal: boolean,
): ParentSettings {
  const parent = options['parent'] ?? '';
  const modeName = `${driver}_mode`;
  const modes: readonly string[] = MODES[driver];
  const mode = options[modeName] || (modes[0] ?? '');
  if (!modes.includes(mode)) throw invalid(`unknown ${driver} mode: ${modeName}=${mode} is none of ${modes.join(', ')}`);
  const flag = options['ipvlan_flag'] || 'bridge';
  if (!FLAGS.includes(flag)) throw invalid(`unknown ipvlan flag: ipvlan_flag=${flag} is none of ${FLAGS.join(', ')}`);
  if (parent === 'lo') throw invalid(`loopback interface is not a valid ${driver} parent link`);
  if (parent !== '' && !/^[^\s/]{1,15}$/.test(parent)) throw invalid(`parent: ${JSON.stringify(parent)} is no name of an interface`);
  if (mode === 'passthru' && internal)
    throw invalid('the macvlan mode passthru takes the parent for itself: the network cannot be internal');
  const text = options['com.docker.network.driver.mtu'] ?? '';
  if (text !== '' && !/^\d{1,5}$/.test(text))
    throw invalid(`failed to parse com.docker.network.driver.mtu value: ${text} (not a whole number)`);
  const vlan = vlanOf(parent);
  return {
    parent: internal ? '' : parent,
    ...(vlan && !internal ? { vlan } : {}),
    mode,
    flag,
    ...(Number(text) > 0 ? { mtu: Number(text) } : {}),
  };
}

function vlanOf(parent: string): { device: string; id: number } | undefined {
  const match = /^(.+)\.(\d+)$/.exec(parent);
  if (!match) return undefined;
  const id = Number(match[2]);
  if (id < 1 || id > 4094) throw invalid(`parent: the VLAN ${id} of ${parent} does not lie between 1 and 4094`);
  return { device: match[1] ?? '', id };
}
