import type { DeviceRule } from '../../model/index.ts';

const character = (major: number, minor?: number, access = 'rwm'): DeviceRule => ({
  allow: true,
  type: 'c',
  major,
  ...(minor === undefined ? {} : { minor }),
  access,
});

/** What a container that is not privileged may use before its own --device rules: any node may be made, few may be opened. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, type: 'a', access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  character(136), // pts/*
];

/** What a privileged container gets. */
export const ALL_DEVICES: readonly DeviceRule[] = [{ allow: true, type: 'a', access: 'rwm' }];

/** A rule in the words of the v1 device controller. */
export function formatRule({ type, major, minor, access }: DeviceRule): string {
  return type === 'a' ? 'a' : `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}
