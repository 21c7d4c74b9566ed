import { existsSync } from 'node:fs';
import { GantryError } from '../base/index.ts';
import { netlink } from '../host/index.ts';
import type { NetworkRecord } from '../model/index.ts';
import { Allocator, formatSubnet, parseCidr, type Subnet } from './addresses/index.ts';
import { ensureBridge } from './bridge/bridge.ts';
import { Ground } from './bridge/ground.ts';
import { describeBridge, planAddress } from './bridge/plan.ts';
import { readHostNetwork } from './bridge/uplink.ts';
import { Directory } from './directory.ts';
import { Firewall, type GuardedNetwork, HostSurroundings, nftables } from './firewall/index.ts';
import { LocalNetwork } from './local.ts';
import { HOST_NAMES, NO_DEFAULTS } from './names/index.ts';
import { Naming } from './naming.ts';
import type { Attachment, Network } from './network.ts';
import { Plugging } from './plugging.ts';
import { Namespaces } from './pool/namespaces.ts';
import { PortBook, Publisher } from './ports/index.ts';
import { loadRecords, saveRecord } from './records.ts';
import { Resolver } from './resolver/resolver.ts';
import { Upstream } from './resolver/upstream.ts';
import { deriveNames, type NetworkOptions } from './settings.ts';
import { UserNetworks } from './user-networks.ts';
import { Sweep } from './watch.ts';

const POOL_SIZE = 4;

/**
 * The network of one host. Nothing in the kernel changes before `start`.
 * Everything happens in the network namespace that the process is in.
 */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const { store, clock, ids, log } = options;
  const records = await loadRecords(store, clock, ids, log);
  const { linkPrefix } = deriveNames(options.dataRoot, options.execRoot);
  const users = new UserNetworks({ records, store, clock, ids, log, pools: options.defaultAddressPools ?? [], linkPrefix });
  const book = new PortBook({ ipv6: existsSync('/proc/net/if_inet6'), relay: options.userlandIPv6Proxy ?? true, clock });
  const nameSources = options.nameSources ?? HOST_NAMES;
  const nameDefaults = options.nameDefaults ?? NO_DEFAULTS;
  const directory = new Directory();
  const upstream = new Upstream(nameSources.resolver, clock, () => Number.parseInt(ids.next().slice(0, 4), 16));
  const resolver = new Resolver({ directory, upstream, log, random: Math.random });
  return new LocalNetwork({
    naming: new Naming(directory, resolver, nameDefaults.dnsServers, log),
    nameDefaults,
    ...(options.hostGateway === undefined ? {} : { hostGateway: options.hostGateway }),
    nameSources,
    records,
    users,
    clock: options.clock,
    log: options.log,
    publisher: new Publisher({ book, records, users, exposure: options.exposure ?? 'public', hostBinding: options.hostBinding ?? '', log }),
    prepare: (attachments, undo) => prepare(options, records, users, attachments, undo),
  });
}

/** The IPv4 subnets of networks that people made: the default bridge keeps clear of them. */
function subnetsOf(networks: readonly NetworkRecord[]): Subnet[] {
  return networks.flatMap(({ subnets }) =>
    subnets.flatMap(({ subnet }) => {
      const cidr = parseCidr(subnet);
      return cidr ? [{ base: cidr.base, prefixLength: cidr.prefixLength }] : [];
    }),
  );
}

/** Makes bridge and pools, and says by which parts of the kernel they are kept. */
async function prepare(
  options: NetworkOptions,
  records: Awaited<ReturnType<typeof loadRecords>>,
  users: UserNetworks,
  attachments: readonly Attachment[],
  undo: AsyncDisposableStack,
) {
  const { clock, ids, log, store } = options;
  const names = deriveNames(options.dataRoot, options.execRoot);
  const socket = undo.use(new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const host = await readHostNetwork(socket, names.bridge);
  const inUse = attachments.some((attachment) => attachment.endpoints.some((endpoint) => endpoint.networkId === records.bridge.id));
  const wishes = {
    ...(options.bip === undefined ? {} : { bip: options.bip }),
    ...(options.defaultAddressPools?.length ? { pools: options.defaultAddressPools } : {}),
  };
  const address = planAddress(wishes, records.bridge.subnets, [...host.taken, ...subnetsOf(records.made)], inUse);
  const mtu = options.mtu ?? host.uplinkMtu;
  // The intent is written before the kernel has it.
  records.bridge = describeBridge(records.bridge, names.bridge, address, mtu);
  await saveRecord(store, records.bridge);
  const bridge = await ensureBridge(socket, names.bridge, address, mtu, log);
  if (bridge.index === 0) throw new GantryError('internal', `The bridge ${names.bridge} vanished while it was being made`);
  const addresses = new Allocator(address);
  const maker = { socket, names, ids, log };
  const namespaces = undo.use(new Namespaces({ maker, bridge, addresses, clock, log, poolSize: options.poolSize ?? POOL_SIZE }));
  const guarded: GuardedNetwork = {
    bridge: names.bridge,
    name: 'bridge',
    subnet4: formatSubnet(address.subnet),
    internal: false,
    talk: true,
    masquerade: true,
    mode4: 'nat',
    mode6: 'nat',
    hostIPv4: '',
    open: [],
  };
  const ipv6 = existsSync('/proc/net/if_inet6');
  const surroundings = new HostSurroundings(socket, names.gate, ipv6, log);
  const firewall = new Firewall({ table: names.table, ipv6, networks: [guarded] }, surroundings, undo.use(nftables()), log);
  await users.start({ socket, firewall, uplinkMtu: mtu, ground: guarded });
  firewall.setNetworks(users.guarded());
  const ground = new Ground(socket, bridge, namespaces, log);
  const sweep = new Sweep({ socket, ground, users, networks: () => [records.bridge, ...records.made], log });
  const plugging = new Plugging({ records, users, namespaces, bridge, ground, ids, log });
  return { plugging, namespaces, firewall, sweep };
}
