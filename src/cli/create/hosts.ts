/** Reads one `--add-host` (`name:ip` or `name=ip`) as the line that the API wants. Throws an Error that says what is wrong. */
export function parseHost(given: string): string {
  const split = given.search(/[:=]/);
  const address = given.slice(split + 1).replace(/^\[(.*)\]$/, '$1');
  if (split <= 0 || address === '') throw new Error(`bad format for add-host: ${JSON.stringify(given)}`);
  const isAddress = /^[\d.]+$/.test(address) || (address.includes(':') && /^[\da-f:.]+$/i.test(address));
  if (address !== 'host-gateway' && !isAddress) throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  return `${given.slice(0, split)}:${address}`;
}
