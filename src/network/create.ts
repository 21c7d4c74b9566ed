import { existsSync } from 'node:fs';
import { GantryError } from '../base/index.ts';
import { netlink } from '../host/index.ts';
import { Allocator, formatSubnet } from './addresses/index.ts';
import { ensureBridge } from './bridge/bridge.ts';
import { describeBridge, planAddress } from './bridge/plan.ts';
import { readHostNetwork } from './bridge/uplink.ts';
import { Firewall, nftables } from './firewall/index.ts';
import { LocalNetwork } from './local.ts';
import { HOST_NAMES } from './names/index.ts';
import type { Attachment, Network } from './network.ts';
import { Namespaces } from './pool/namespaces.ts';
import { PortBook } from './ports/index.ts';
import { loadRecords, saveRecord } from './records.ts';
import { deriveNames, type NetworkOptions } from './settings.ts';

const POOL_SIZE = 4;

/**
 * The network of one host. Nothing in the kernel changes before `start`.
 * Everything happens in the network namespace that the process is in.
 */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const records = await loadRecords(options.store, options.clock, options.ids, options.log);
  return new LocalNetwork({
    records,
    clock: options.clock,
    ids: options.ids,
    log: options.log,
    nameSources: options.nameSources ?? HOST_NAMES,
    ports: new PortBook({ ipv6: (options.userlandIPv6Proxy ?? true) && existsSync('/proc/net/if_inet6'), clock: options.clock }),
    prepare: (attachments, undo) => prepare(options, records, attachments, undo),
  });
}

/** Makes bridge and pools, and says by which parts of the kernel they are kept. */
async function prepare(
  options: NetworkOptions,
  records: Awaited<ReturnType<typeof loadRecords>>,
  attachments: readonly Attachment[],
  undo: AsyncDisposableStack,
) {
  const { clock, ids, log, store } = options;
  const names = deriveNames(options.dataRoot, options.execRoot);
  const socket = undo.use(new netlink.NetlinkSocket(netlink.NETLINK_ROUTE));
  const host = await readHostNetwork(socket, names.bridge);
  const inUse = attachments.some((attachment) => attachment.endpoints.some((endpoint) => endpoint.ipv4Address !== ''));
  const wishes = {
    ...(options.bip === undefined ? {} : { bip: options.bip }),
    ...(options.defaultAddressPools?.length ? { pools: options.defaultAddressPools } : {}),
  };
  const address = planAddress(wishes, records.bridge.subnets, host.taken, inUse);
  const mtu = options.mtu ?? host.uplinkMtu;
  // The intent is written before the kernel has it.
  records.bridge = describeBridge(records.bridge, names.bridge, address, mtu);
  await saveRecord(store, records.bridge);
  const bridge = await ensureBridge(socket, names.bridge, address, mtu, log);
  if (bridge.index === 0) throw new GantryError('internal', `The bridge ${names.bridge} vanished while it was being made`);
  const addresses = new Allocator(address);
  const maker = { socket, names, ids, log };
  const namespaces = undo.use(new Namespaces({ maker, bridge, addresses, clock, log, poolSize: options.poolSize ?? POOL_SIZE }));
  const firewall = new Firewall({ table: names.table, bridge: names.bridge, subnet: formatSubnet(address.subnet) }, nftables(), log);
  return { bridge, namespaces, firewall };
}
