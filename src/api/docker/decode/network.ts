import { GantryError, invalid, unsupported } from '../../../base/index.ts';
import type { NetworkRequest } from '../../../model/index.ts';
import type { Fields } from './fields.ts';

/** The body of `POST /networks/create`. */
export function decodeNetwork(body: Fields): NetworkRequest {
  if (body.string('Scope') === 'swarm' || body.boolean('Ingress'))
    throw new GantryError('denied', 'cannot create a swarm scoped network when swarm is not active');
  if (body.boolean('ConfigOnly') || body.object('ConfigFrom')?.string('Network'))
    throw unsupported('ConfigOnly and ConfigFrom are not supported: networks that only keep settings are for swarms');
  const ipam = body.object('IPAM');
  const four = body.optionalBoolean('EnableIPv4');
  const six = body.optionalBoolean('EnableIPv6');
  const options = ipam?.raw('Options') === undefined ? null : (ipam?.stringMap('Options') ?? null);
  const internal = body.boolean('Internal');
  return {
    name: body.string('Name'),
    driver: body.string('Driver'),
    ...(four === undefined ? {} : { enableIPv4: four }),
    ...(six === undefined ? {} : { enableIPv6: six }),
    internal,
    attachable: body.boolean('Attachable'),
    labels: body.stringMap('Labels'),
    options: body.stringMap('Options'),
    ipamDriver: ipam?.string('Driver') ?? '',
    ipamOptions: options,
    subnets: (ipam?.objects('Config') ?? []).map((one) => {
      const subnet = one.string('Subnet');
      const gateway = one.string('Gateway');
      if (subnet === '' && gateway !== '') throw invalid(`invalid network config:\nthe gateway ${gateway} has no subnet`);
      return { subnet, gateway, ipRange: one.string('IPRange'), auxiliaryAddresses: one.stringMap('AuxiliaryAddresses') };
    }),
  };
}
