import { conflict, denied, GantryError, invalid, notFound, unsupported } from '../../base/index.ts';
import { type NetworkRecord, type NetworkRequest, PREDEFINED_NETWORKS } from '../../model/index.ts';
import type { AddressPool } from '../addresses/index.ts';
import { booleanOf, readBridgeOptions } from './options.ts';
import { readMacvlanOptions } from './parent.ts';
import { planSubnets, type TakenPrefix } from './subnets.ts';

/** What a new network must be compared with. */
export interface Surroundings {
  networks: readonly NetworkRecord[];
  taken: readonly TakenPrefix[];
  pools: readonly AddressPool[];
  randomBits: () => bigint;
}

const NOT_A_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** Turns a request into the network that will be, without id and time; refuses what cannot be. Words that clients know are Docker's. */
export function defineNetwork(request: NetworkRequest, around: Surroundings): Omit<NetworkRecord, 'id' | 'createdAt'> {
  const { name, internal, options } = request;
  if (name.trim() === '') throw invalid('invalid name: name is empty');
  if (/\p{Cc}/u.test(name)) throw invalid(`invalid network name ${JSON.stringify(name)}: it has control characters`);
  if (PREDEFINED_NETWORKS.includes(name)) throw denied(`operation is not permitted on predefined ${name} network`);
  const driver = driverOf(request.driver || 'bridge');
  if (around.networks.some((other) => other.name === name)) throw conflict(`network with name ${name} already exists`);
  if (!['', 'default'].includes(request.ipamDriver))
    throw request.ipamDriver === 'null'
      ? unsupported('the address management driver "null" is not supported')
      : notFound(`plugin "${request.ipamDriver}" not found`);
  const wanted = {
    4: request.enableIPv4 ?? booleanOf(options, 'com.docker.network.enable_ipv4', true),
    6: request.enableIPv6 ?? booleanOf(options, 'com.docker.network.enable_ipv6', false),
  };
  const families = ([4, 6] as const).filter((family) => wanted[family]);
  if (families.length === 0) throw invalid('IPv4 or IPv6 must be enabled');
  if (driver === 'bridge') {
    const { bridge } = readBridgeOptions(options, internal);
    const twin = bridge === '' ? undefined : around.networks.find((other) => other.options['com.docker.network.bridge.name'] === bridge);
    if (twin)
      throw denied(
        `cannot create network ${name} (${bridge}): conflicts with network ${twin.id} (${twin.name}): networks have same bridge name`,
      );
  } else readMacvlanOptions(driver, options, internal);
  const subnets = planSubnets(
    { subnets: request.subnets, families, driver, mayOverlapHost: driver !== 'bridge' },
    around.taken,
    around.pools,
    around.randomBits,
  );
  return {
    name,
    driver,
    subnets,
    enableIPv4: families.includes(4),
    enableIPv6: families.includes(6),
    internal,
    attachable: request.attachable,
    options: { ...options },
    labels: { ...request.labels },
    ipam: { driver: 'default', options: request.ipamOptions },
  };
}

function driverOf(name: string): 'bridge' | 'macvlan' | 'ipvlan' {
  if (name === 'bridge' || name === 'macvlan' || name === 'ipvlan') return name;
  if (name === 'host' || name === 'null') throw denied(`only one instance of "${name}" network is allowed`);
  if (name === 'overlay') throw new GantryError('unavailable', NOT_A_MANAGER);
  throw notFound(`plugin "${name}" not found`);
}
