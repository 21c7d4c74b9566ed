import { VERSION } from '../../about.ts';
import type { Command } from '../../command.ts';
import { currentContext } from '../../config/index.ts';
import { CommandFailure } from '../../failure.ts';
import { formatFlag } from '../../flags/index.ts';
import { binarySize } from '../../format/index.ts';
import { executeTemplate, readTemplate, toJson } from '../../template/index.ts';

type Info = Record<string, unknown> & {
  DriverStatus?: [string, string][] | null;
  Plugins?: Record<string, string[] | null> | null;
  Runtimes?: Record<string, unknown> | null;
  SecurityOptions?: string[] | null;
  Labels?: string[] | null;
  Warnings?: string[] | null;
  Swarm?: { LocalNodeState?: string; NodeID?: string; ControlAvailable?: boolean } | null;
  RegistryConfig?: {
    InsecureRegistryCIDRs?: string[] | null;
    Mirrors?: string[] | null;
    IndexConfigs?: Record<string, { Secure?: boolean; Name?: string }>;
  } | null;
  CDISpecDirs?: string[] | null;
  DefaultAddressPools?: { Base: string; Size: number }[] | null;
};

type Line = string | false | undefined;

const yes = (value: unknown) => (value === true ? 'true' : 'false');
const labelled = (label: string, value: unknown): Line =>
  value === undefined || value === null || value === '' ? false : ` ${label}: ${value}`;

function commit(label: string, value: unknown): Line {
  const id = typeof value === 'object' && value !== null && 'ID' in value ? value.ID : undefined;
  return id === undefined ? false : ` ${label} version: ${id}`;
}

function securityLines(options: readonly string[]): Line[] {
  if (options.length === 0) return [];
  const lines: Line[] = [' Security Options:'];
  for (const option of options) {
    const pairs = option.split(',').map((pair) => pair.split('='));
    for (const [key = '', value = ''] of pairs)
      lines.push(key === 'name' ? `  ${value}` : `   ${key.charAt(0).toUpperCase()}${key.slice(1)}: ${value}`);
  }
  return lines;
}

function registryLines(info: Info): Line[] {
  const registry = info.RegistryConfig;
  const insecure = [
    ...Object.values(registry?.IndexConfigs ?? {}).flatMap((index) => (index.Secure === false && index.Name ? [index.Name] : [])),
    ...(registry?.InsecureRegistryCIDRs ?? []),
  ];
  const mirrors = registry?.Mirrors ?? [];
  return [
    ...(insecure.length > 0 ? [' Insecure Registries:', ...insecure.map((one) => `  ${one}`)] : []),
    ...(mirrors.length > 0 ? [' Registry Mirrors:', ...mirrors.map((one) => `  ${one}`)] : []),
  ];
}

function listed(title: string, items: readonly string[] | null | undefined): Line[] {
  return items && items.length > 0 ? [` ${title}:`, ...items.map((one) => `  ${one}`)] : [];
}

function serverText(info: Info): string {
  const plugins = info.Plugins ?? {};
  const lines: Line[] = [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    labelled('Server Version', info.ServerVersion),
    labelled('Storage Driver', info.Driver),
    ...(info.DriverStatus ?? []).map(([name, value]) => `  ${name}: ${value}`),
    labelled('Logging Driver', info.LoggingDriver),
    labelled('Cgroup Driver', info.CgroupDriver),
    labelled('Cgroup Version', info.CgroupVersion),
    ' Plugins:',
    `  Volume: ${(plugins.Volume ?? []).join(' ')}`,
    `  Network: ${(plugins.Network ?? []).join(' ')}`,
    ...((plugins.Authorization ?? []).length > 0 ? [`  Authorization: ${plugins.Authorization?.join(' ')}`] : []),
    `  Log: ${(plugins.Log ?? []).join(' ')}`,
    ...listed('CDI spec directories', info.CDISpecDirs),
    ` Swarm: ${info.Swarm?.LocalNodeState || 'inactive'}`,
    ` Runtimes: ${Object.keys(info.Runtimes ?? {})
      .sort()
      .join(' ')}`,
    ` Default Runtime: ${info.DefaultRuntime ?? ''}`,
    labelled('Init Binary', info.InitBinary),
    commit('containerd', info.ContainerdCommit),
    commit('runc', info.RuncCommit),
    commit('init', info.InitCommit),
    ...securityLines(info.SecurityOptions ?? []),
    labelled('Kernel Version', info.KernelVersion),
    labelled('Operating System', info.OperatingSystem),
    labelled('OSType', info.OSType),
    labelled('Architecture', info.Architecture),
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${binarySize(Number(info.MemTotal ?? 0))}`,
    labelled('Name', info.Name),
    labelled('ID', info.ID),
    labelled('Docker Root Dir', info.DockerRootDir),
    ` Debug Mode: ${yes(info.Debug)}`,
    labelled('HTTP Proxy', info.HttpProxy),
    labelled('HTTPS Proxy', info.HttpsProxy),
    labelled('No Proxy', info.NoProxy),
    ...listed('Labels', info.Labels),
    ` Experimental: ${yes(info.ExperimentalBuild)}`,
    ...registryLines(info),
    ` Live Restore Enabled: ${yes(info.LiveRestoreEnabled)}`,
    labelled('Product License', info.ProductLicense),
    ...((info.DefaultAddressPools ?? []).length > 0
      ? [' Default Address Pools:', ...(info.DefaultAddressPools ?? []).map((pool) => `   Base: ${pool.Base}, Size: ${pool.Size}`)]
      : []),
  ];
  return `${lines.filter((line) => typeof line === 'string').join('\n')}\n\n`;
}

const command: Command = {
  usage: '[OPTIONS]',
  flags: [{ ...formatFlag('f'), help: "Print with a Go template: 'json' or 'TEMPLATE'" }],
  args: [0, 0],
  async run(session, flags) {
    const context = currentContext(session.globals, session.env, session.settings);
    const format = flags.text('format');
    const about = { Debug: session.globals.bool('debug'), Version: VERSION, Context: context };
    const head = `Client: Gantry\n Version:    ${VERSION}\n Context:    ${context}\n Debug Mode: ${yes(about.Debug)}\n\nServer:\n`;
    let info: Info;
    try {
      info = await (await session.client()).json<Info>('GET', '/info');
    } catch (error) {
      if (format === '' && error instanceof CommandFailure) session.out(head);
      throw error;
    }
    const all = { ...info, ClientInfo: about };
    if (format === 'json' || format === '{{json .}}') session.out(`${toJson(all, false)}\n`);
    else if (format !== '') session.out(`${executeTemplate(readTemplate(format), all)}\n`);
    else {
      session.out(head + serverText(info));
      session.err((info.Warnings ?? []).map((warning) => `${warning}\n`).join(''));
    }
  },
};
export default command;
