import path from 'node:path';
import { parseBool, parseSize, splitCsv } from '../flags/index.ts';

/** An element of HostConfig.Mounts. */
export interface MountBody {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
    Subpath?: string;
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
  ImageOptions?: { Subpath?: string };
}

const FLAGS_WITHOUT_VALUE = new Set(['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive', 'bind-create-src']);

function boolean(key: string, value: string | undefined): boolean {
  if (value === undefined) return true;
  try {
    return parseBool(value);
  } catch {
    throw new Error(
      `invalid value for ${key}: invalid boolean value (${JSON.stringify(value)}): must be one of "true", "1", "false", or "0" (default "true")`,
    );
  }
}

function pair(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

function volumeOptions(mount: MountBody) {
  mount.VolumeOptions ??= {};
  return mount.VolumeOptions;
}

function bindOptions(mount: MountBody) {
  mount.BindOptions ??= {};
  return mount.BindOptions;
}

function recursion(mount: MountBody, value: string): void {
  const options = bindOptions(mount);
  if (value === 'enabled') return;
  if (value === 'disabled') options.NonRecursive = true;
  else if (value === 'writable') options.ReadOnlyNonRecursive = true;
  else if (value === 'readonly') options.ReadOnlyForceRecursive = true;
  else throw new Error(`invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
}

function setField(mount: MountBody, key: string, value: string | undefined): void {
  const text = value ?? '';
  switch (key) {
    case 'type':
      mount.Type = text.toLowerCase();
      return;
    case 'source':
    case 'src':
      mount.Source = /^\.{1,2}(\/|$)/.test(text) ? path.resolve(text) : text;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = text;
      return;
    case 'readonly':
    case 'ro':
      mount.ReadOnly = boolean(key, value);
      return;
    case 'consistency':
      mount.Consistency = text.toLowerCase();
      return;
    case 'bind-propagation':
      bindOptions(mount).Propagation = text.toLowerCase();
      return;
    case 'bind-nonrecursive':
      bindOptions(mount).NonRecursive = boolean(key, value);
      return;
    case 'bind-recursive':
      recursion(mount, text);
      return;
    case 'bind-create-src':
      bindOptions(mount).CreateMountpoint = boolean(key, value);
      return;
    case 'volume-subpath':
      volumeOptions(mount).Subpath = text;
      return;
    case 'image-subpath':
      mount.ImageOptions = { Subpath: text };
      return;
    case 'volume-nocopy':
      volumeOptions(mount).NoCopy = boolean(key, value);
      return;
    case 'volume-label': {
      const [name, label] = pair(text);
      const options = volumeOptions(mount);
      options.Labels = { ...options.Labels, [name]: label };
      return;
    }
    case 'volume-driver': {
      const options = volumeOptions(mount);
      options.DriverConfig = { ...options.DriverConfig, Name: text };
      return;
    }
    case 'volume-opt': {
      const [name, value] = pair(text);
      const options = volumeOptions(mount);
      options.DriverConfig = { ...options.DriverConfig, Options: { ...options.DriverConfig?.Options, [name]: value } };
      return;
    }
    case 'tmpfs-size':
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: parseSize(text) };
      return;
    case 'tmpfs-mode':
      if (!/^[0-7]+$/.test(text)) throw new Error(`invalid value for ${key}: ${text}`);
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(text, 8) };
      return;
    default:
      throw new Error(`unexpected key '${key}' in '${key}=${text}'`);
  }
}

/** Reads one `--mount`. Throws an Error that names the field at fault. */
export function parseMount(given: string): MountBody {
  const mount: MountBody = { Type: 'volume' };
  if (given.trim() === '') throw new Error('value is empty');
  for (const field of splitCsv(given)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    if (key.trim() === '' || key !== key.trim())
      throw new Error(`invalid option '${key}' in '${field}': option should not have whitespace`);
    if (equals < 0 && !FLAGS_WITHOUT_VALUE.has(key)) throw new Error(`invalid field '${field}' must be a key=value pair`);
    setField(mount, key, equals < 0 ? undefined : field.slice(equals + 1));
  }
  checkMount(mount);
  return mount;
}

function checkMount(mount: MountBody): void {
  if (mount.Type === '') throw new Error('type is required');
  if (mount.VolumeOptions && mount.Type !== 'volume') throw new Error(`cannot mix 'volume-*' options with mount type '${mount.Type}'`);
  if (mount.ImageOptions && mount.Type !== 'image') throw new Error(`cannot mix 'image-*' options with mount type '${mount.Type}'`);
  if (mount.BindOptions && mount.Type !== 'bind') throw new Error(`cannot mix 'bind-*' options with mount type '${mount.Type}'`);
  if (mount.TmpfsOptions && mount.Type !== 'tmpfs') throw new Error(`cannot mix 'tmpfs-*' options with mount type '${mount.Type}'`);
  if (!mount.Target) throw new Error('target is required');
  checkRecursion(mount);
}

function checkRecursion({ BindOptions: options, ReadOnly }: MountBody): void {
  const asked = options?.['ReadOnlyNonRecursive'] ? 'writable' : options?.['ReadOnlyForceRecursive'] ? 'readonly' : undefined;
  if (asked === undefined) return;
  if (!ReadOnly) throw new Error(`option 'bind-recursive=${asked}' requires 'readonly' to be specified in conjunction`);
  if (asked === 'readonly' && options?.['Propagation'] !== 'rprivate')
    throw new Error("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
}
