import { isIPv4 } from 'node:net';
import { invalid, unsupported } from '../../base/index.ts';

/** How containers of a bridge network are reached from outside it, and whether their own address shows there. */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';

/** What the options of the bridge driver ask for, read once. */
export interface BridgeSettings {
  /** '' means a name made of the network's id. */
  bridge: string;
  /** Containers of the network may talk among themselves. */
  talk: boolean;
  masquerade: boolean;
  /** Where ports are published for which nobody named an address. */
  hostBinding: string;
  /** Bytes; undefined means the uplink's. */
  mtu?: number;
  gatewayMode4: GatewayMode;
  gatewayMode6: GatewayMode;
  /** The source that containers have outside, rather than that of the way out. */
  hostIPv4: string;
  /** Prefix of the devices in containers. */
  devicePrefix: string;
}

const NAME = 'com.docker.network.bridge.name';
const TALK = 'com.docker.network.bridge.enable_icc';
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade';
const BINDING = 'com.docker.network.bridge.host_binding_ipv4';
const MODE_4 = 'com.docker.network.bridge.gateway_mode_ipv4';
const MODE_6 = 'com.docker.network.bridge.gateway_mode_ipv6';
const MTU = 'com.docker.network.driver.mtu';
const OUTSIDE = 'com.docker.network.host_ipv4';
const PREFIX = 'com.docker.network.container_iface_prefix';
const INHIBIT = 'com.docker.network.bridge.inhibit_ipv4';
const TRUSTED = 'com.docker.network.bridge.trusted_host_interfaces';

const MODES: readonly string[] = ['nat', 'nat-unprotected', 'routed', 'isolated'];
/** Interface names have 15 bytes at most, no blanks and no slash. */
const INTERFACE_NAME = /^[^\s/:]{1,15}$/;

/**
 * Reads the options of the bridge driver. As in Docker, options of no known meaning are kept and shown, and bad values are refused
 * by name; what Docker knows and Gantry does not is refused too, rather than passed over.
 */
export function readBridgeOptions(options: Readonly<Record<string, string>>, internal: boolean): BridgeSettings {
  for (const name of [INHIBIT, TRUSTED])
    if (options[name] !== undefined && !/^(false|0|)$/.test(options[name]))
      throw unsupported(`the network option ${name} is not supported`);
  const modes = { four: modeOf(options, MODE_4), six: modeOf(options, MODE_6) };
  for (const [name, mode] of [
    [MODE_4, modes.four],
    [MODE_6, modes.six],
  ] as const)
    if (mode === 'isolated' && !internal) throw invalid(`${name}: gateway mode 'isolated' can only be used for an internal network`);
  const bridge = options[NAME] ?? '';
  if (bridge !== '' && (!INTERFACE_NAME.test(bridge) || bridge === '.' || bridge === '..'))
    throw invalid(`${NAME}: ${JSON.stringify(bridge)} is no name for an interface: 15 characters at most, without blanks and slashes`);
  const binding = options[BINDING] ?? '';
  if (binding !== '' && !isIPv4(binding)) throw unparsed(BINDING, binding, 'not an IPv4 address');
  const outside = options[OUTSIDE] ?? '';
  if (outside !== '' && !isIPv4(outside)) throw unparsed(OUTSIDE, outside, 'not an IPv4 address');
  const prefix = options[PREFIX] ?? '';
  if (prefix !== '' && !/^[A-Za-z][A-Za-z0-9_.-]{0,11}$/.test(prefix)) throw unparsed(PREFIX, prefix, 'no beginning of an interface name');
  const mtu = mtuOf(options);
  return {
    bridge,
    talk: booleanOf(options, TALK, true),
    masquerade: booleanOf(options, MASQUERADE, true),
    hostBinding: binding === '0.0.0.0' ? '' : binding,
    ...(mtu === undefined ? {} : { mtu }),
    gatewayMode4: modes.four,
    gatewayMode6: modes.six,
    hostIPv4: outside,
    devicePrefix: prefix || 'eth',
  };
}

export function mtuOf(options: Readonly<Record<string, string>>): number | undefined {
  const text = options[MTU];
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,6}$/.test(text)) throw unparsed(MTU, text, 'not a whole number');
  const mtu = Number(text);
  if (mtu === 0) return undefined;
  if (mtu < 68 || mtu > 65535) throw invalid(`${MTU}: ${mtu} bytes are out of range (68 to 65535; 1280 and more for IPv6)`);
  return mtu;
}

export function booleanOf(options: Readonly<Record<string, string>>, name: string, fallback: boolean): boolean {
  const text = options[name];
  if (text === undefined) return fallback;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw unparsed(name, text, 'neither true nor false');
}

function modeOf(options: Readonly<Record<string, string>>, name: string): GatewayMode {
  const text = options[name] || 'nat';
  if (!MODES.includes(text)) throw unparsed(name, text, `unknown gateway mode ${text}`);
  return text as GatewayMode;
}

const unparsed = (name: string, value: string, why: string) => invalid(`failed to parse ${name} value: ${value} (${why})`);
