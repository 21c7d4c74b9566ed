import type { Engine, HostDescription } from '../../../engine/index.ts';
import { isAlive } from '../../../model/index.ts';
import type { BuildInfo } from '../call.ts';
import { MAXIMUM_VERSION, MINIMUM_VERSION } from '../version.ts';

/** Names of architectures: the kernel's, and Go's as clients know them. */
const GO_ARCHITECTURE: Record<string, string> = { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64', armv7l: 'arm', i686: '386' };

export function encodeVersion(host: HostDescription, build: BuildInfo, runtimeVersion: string): Record<string, unknown> {
  const arch = GO_ARCHITECTURE[host.architecture] ?? host.architecture;
  const common = {
    Version: build.version,
    ApiVersion: MAXIMUM_VERSION,
    MinAPIVersion: MINIMUM_VERSION,
    GitCommit: build.commit,
    GoVersion: runtimeVersion,
    Os: 'linux',
    Arch: arch,
    KernelVersion: host.kernelVersion,
    BuildTime: build.builtAt,
  };
  const { Version, ...details } = common;
  return {
    Platform: { Name: 'Gantry' },
    Components: [
      { Name: 'Engine', Version, Details: { ...details, Experimental: 'false' } },
      { Name: 'conmon', Version: host.monitorVersion, Details: { GitCommit: '' } },
      ...Object.entries(host.runtimes).map(([name, runtime]) => ({ Name: name, Version: runtime.version, Details: { GitCommit: '' } })),
    ],
    ...common,
  };
}

export function encodeInfo(host: HostDescription, engine: Engine, build: BuildInfo, now: string): Record<string, unknown> {
  const states = engine.containers.list().map((record) => record.state);
  const running = states.filter((state) => state.status === 'running' || state.status === 'restarting').length;
  const paused = states.filter((state) => state.status === 'paused').length;
  return {
    ID: host.engineId,
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.filter((state) => !isAlive(state) && state.status !== 'restarting').length,
    Images: engine.images.list().length,
    Driver: 'overlay2',
    DriverStatus: [
      ['Supports d_type', 'true'],
      ['Native Overlay Diff', 'true'],
    ],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
      Authorization: null,
      Log: ['json-file', 'local', 'none'],
    },
    ...limits(host),
    Debug: false,
    NFd: -1,
    NGoroutines: -1,
    SystemTime: now,
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: host.cgroupVersion === 'v2' ? '2' : '1',
    NEventsListener: 0,
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: encodeRegistries(host),
    NCPU: host.processors,
    MemTotal: host.memory,
    GenericResources: null,
    DockerRootDir: host.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: host.hostname,
    Labels: host.labels,
    ExperimentalBuild: false,
    ServerVersion: build.version,
    Runtimes: Object.fromEntries(Object.entries(host.runtimes).map(([name, { path }]) => [name, { path }])),
    DefaultRuntime: host.defaultRuntime,
    Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null },
    // Containers go on when the daemon stops: always, not by choice.
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: host.initPath,
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: host.runtimes[host.defaultRuntime]?.version ?? '' },
    InitCommit: { ID: '' },
    SecurityOptions: host.securityOptions,
    ProductLicense: '',
    DefaultAddressPools: null,
    CDISpecDirs: null,
    Warnings: host.warnings.length > 0 ? host.warnings : null,
  };
}

function limits(host: HostDescription): Record<string, boolean> {
  return {
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    OomKillDisable: host.cgroupVersion === 'v1',
  };
}

function encodeRegistries(host: HostDescription): Record<string, unknown> {
  const isRange = (name: string) => /\/\d+$/.test(name);
  const named = Object.fromEntries(
    host.insecureRegistries
      .filter((name) => !isRange(name))
      .map((name) => [name, { Mirrors: [], Name: name, Official: false, Secure: false }]),
  );
  return {
    IndexConfigs: { ...named, 'docker.io': { Mirrors: host.registryMirrors, Name: 'docker.io', Official: true, Secure: true } },
    InsecureRegistryCIDRs: [...new Set([...host.insecureRegistries.filter(isRange), '127.0.0.0/8', '::1/128'])],
    Mirrors: host.registryMirrors.length > 0 ? host.registryMirrors : null,
  };
}
