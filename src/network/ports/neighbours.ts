import net from 'node:net';
import { networkInterfaces } from 'node:os';

/** Whether an address is in a network that this host has an address in, its own addresses included: what the policy `lan` means. */
export function isNeighbour(address: string): boolean {
  const networks = new net.BlockList();
  for (const { cidr, family } of Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])) {
    const [base = '', length = ''] = (cidr ?? '').split('/');
    if (base !== '') networks.addSubnet(base, Number(length), family === 'IPv4' ? 'ipv4' : 'ipv6');
  }
  return networks.check(address.split('%')[0] ?? '', net.isIPv6(address) ? 'ipv6' : 'ipv4');
}
