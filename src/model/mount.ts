/** Propagation of a bind mount, in mount(8)'s words. */
export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';
export const PROPAGATIONS: readonly Propagation[] = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

/** What a container asks to see at `target` (absolute, normalized, inside the container). */
export type MountSpec = BindMount | VolumeMount | ImageMount | TmpfsMount;

export interface BindMount {
  type: 'bind';
  /** Absolute path on the host. */
  source: string;
  target: string;
  readOnly: boolean;
  /** False leaves submounts of the source out. Default true. */
  recursive: boolean;
  propagation: Propagation;
  /** `-v` makes a missing source directory; `--mount type=bind` refuses one. */
  createSource: boolean;
  /** Read-only leaves what is mounted below the source writable (API 1.44 BindOptions). */
  readOnlyNonRecursive?: boolean;
}

export interface VolumeMount {
  type: 'volume';
  /** Name of the volume. Anonymous ones get a generated 64-digit name when the container is made. */
  source: string;
  target: string;
  readOnly: boolean;
  /** True: the volume was not named by the user and goes with the container (`rm -v`, `--rm`). */
  anonymous: boolean;
  /** False: fill a new, empty volume with what the image has at `target`. */
  noCopy: boolean;
  subpath?: string;
  driver?: string;
  driverOptions?: Record<string, string>;
  labels?: Record<string, string>;
}

export interface ImageMount {
  type: 'image';
  /** The reference as the user wrote it. */
  source: string;
  /** Of the image that the reference meant when the container was made; empty until then. */
  imageId: string;
  target: string;
  /** Always true. */
  readOnly: boolean;
  subpath?: string;
}

export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  readOnly: boolean;
  /** Bytes; 0 means the kernel's default (half of memory). */
  size: number;
  /** File mode such as 0o1777. */
  mode: number;
  /** Further mount options as the user wrote them (`uid=…`, `noexec` …), already checked. */
  options: string[];
}

/** One mount to be made, with every name resolved to a path on the host. Rooms meet in this value. */
export interface ResolvedMount {
  type: 'bind' | 'tmpfs' | 'proc' | 'sysfs' | 'devpts' | 'mqueue' | 'cgroup' | 'overlay';
  source: string;
  target: string;
  /** OCI mount options (`rbind`, `ro`, `nosuid`, `size=65536k` …). */
  options: string[];
}
