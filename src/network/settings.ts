import path from 'node:path';
import { type Clock, type Ids, type Log, sha256 } from '../base/index.ts';
import type { Exposure } from '../model/index.ts';
import type { Store } from '../store/index.ts';
import type { AddressPool } from './addresses/index.ts';
import type { NameDefaults, NameSources } from './names/index.ts';

export interface NetworkOptions {
  execRoot: string;
  dataRoot: string;
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** `--bip`: address and prefix length of the bridge. */
  bip?: string;
  /** `--default-address-pool`, in order. */
  defaultAddressPools?: readonly AddressPool[];
  /** Bytes; the uplink's when absent. */
  mtu?: number;
  /** Namespaces kept ready for containers on the bridge (default 4); under load up to twice as many. */
  poolSize?: number;
  /** Answer on IPv6 addresses of the host by a relay in the daemon (default true). */
  userlandIPv6Proxy?: boolean;
  /** Who may use published ports whose container says nothing of it (default `public`). */
  exposure?: Exposure;
  /** Where ports are published for which nobody names an address; everywhere when absent. */
  hostBinding?: string;
  /** What containers get that ask for no name servers, search domains or options of the resolver of their own. */
  nameDefaults?: NameDefaults;
  /** What `host-gateway` means in extra hosts; the address of the default bridge when absent. */
  hostGateway?: string;
  /** Where the host keeps resolv.conf and hosts. */
  nameSources?: NameSources;
}

/** How one daemon calls its things in the kernel. Two daemons with different roots never use the same names. */
export interface KernelNames {
  bridge: string;
  /** The nftables table, family ip. */
  table: string;
  /** Host ends of veth pairs: this, followed by seven digits. */
  linkPrefix: string;
  /** Folder of namespace files. */
  namespaces: string;
  /** A pair of devices and a routing table, made only when a port has the policy `host`. */
  gate: { out: string; back: string; probe: string; routes: number };
}

const DEFAULT_ROOTS = { dataRoot: '/var/lib/gantry', execRoot: '/run/gantry' };

/** The daemon with the default roots has the plain names; any other has a suffix made of its roots. */
export function deriveNames(dataRoot: string, execRoot: string): KernelNames {
  const [data, exec] = [path.resolve(dataRoot), path.resolve(execRoot)];
  const namespaces = path.join(exec, 'netns');
  if (data === DEFAULT_ROOTS.dataRoot && exec === DEFAULT_ROOTS.execRoot) {
    return {
      bridge: 'gantry0',
      table: 'gantry',
      linkPrefix: 'gv-',
      namespaces,
      gate: { out: 'gantry-ask', back: 'gantry-back', probe: 'gantry_probe', routes: 0x6761 },
    };
  }
  const tag = sha256(`${data}\0${exec}`).slice(0, 6);
  // Interface names have 15 characters at most.
  const gate = { out: `gask-${tag}`, back: `gback-${tag}`, probe: `gantry_${tag}_probe`, routes: 0x1000000 + Number.parseInt(tag, 16) };
  return { bridge: `gantry-${tag}`, table: `gantry_${tag}`, linkPrefix: `g${tag}-`, namespaces, gate };
}
