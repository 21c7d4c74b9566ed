import { readFileSync } from 'node:fs';
import { CommandFailure, plainReason } from '../../failure.ts';
import type { Project, Resource } from '../project/project.ts';
import { Section } from '../project/section.ts';
import { only } from './host-config.ts';

export interface MountBody extends Record<string, unknown> {
  Type: string;
  Source?: string;
  Target: string;
}

/** A file that is copied into a container before it starts. */
export interface CopiedFile {
  readonly path: string;
  readonly content: () => Buffer;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

function mountBody(mount: Section, project: Project): MountBody {
  const type = mount.text('type') ?? 'volume';
  const source = mount.text('source');
  const name = type === 'volume' && source !== undefined ? project.volumes.get(source)?.name : source;
  const [bind, volume, tmpfs] = [mount.section('bind'), mount.section('volume'), mount.section('tmpfs')];
  return {
    Type: type,
    Target: mount.text('target') ?? '',
    ...only({
      Source: name,
      ReadOnly: mount.truth('read_only'),
      Consistency: mount.text('consistency'),
      BindOptions:
        type === 'bind'
          ? only({
              Propagation: bind.text('propagation'),
              CreateMountpoint: bind.truth('create_host_path'),
              ...recursion(bind.text('recursive')),
            })
          : {},
      VolumeOptions: only({ NoCopy: volume.truth('nocopy'), Subpath: volume.text('subpath'), Labels: volume.pairs('labels') }),
      TmpfsOptions: type === 'tmpfs' ? only({ SizeBytes: tmpfs.size('size'), Mode: tmpfs.number('mode') }) : {},
      ImageOptions: only({ Subpath: mount.section('image').text('subpath') }),
    }),
  };
}

function recursion(word: string | undefined): Record<string, unknown> {
  if (word === 'disabled') return { NonRecursive: true };
  if (word === 'writable') return { ReadOnlyNonRecursive: true };
  return word === 'readonly' ? { ReadOnlyForceRecursive: true } : {};
}

/** What a secret or config is made of. */
function grants(service: Section, project: Project) {
  const of = (key: 'secrets' | 'configs', folder: string) =>
    service.sections(key).map((grant) => {
      const source = grant.text('source') ?? '';
      const target = grant.text('target') ?? source;
      return { grant, resource: project[key].get(source) as Resource, target: target.startsWith('/') ? target : `${folder}${target}` };
    });
  return [...of('secrets', '/run/secrets/'), ...of('configs', '/')];
}

/** A file of the host that needs no other owner or mode is mounted; anything else is copied. */
const isMounted = (grant: Section, definition: Section) => definition.has('file') && !['uid', 'gid', 'mode'].some((key) => grant.has(key));

/** The mounts of a service; `kept` are anonymous volumes of the container before, by target. */
export function mountsOf(service: Section, project: Project, kept: ReadonlyMap<string, string> = new Map()): MountBody[] {
  const own = service.sections('volumes').map((mount) => mountBody(mount, project));
  const files = grants(service, project)
    .filter(({ grant, resource }) => isMounted(grant, new Section(resource.definition)))
    .map(
      ({ resource, target }): MountBody => ({
        Type: 'bind',
        Source: new Section(resource.definition).text('file') ?? '',
        Target: target,
        ReadOnly: true,
      }),
    );
  const mounts = [...own, ...files].map((mount) => {
    const volume = kept.get(mount.Target);
    return mount.Type === 'volume' && mount.Source === undefined && volume !== undefined ? { ...mount, Source: volume } : mount;
  });
  const targets = new Set(mounts.map(({ Target }) => Target));
  const rest = [...kept]
    .filter(([target]) => !targets.has(target))
    .map(([target, source]): MountBody => ({ Type: 'volume', Source: source, Target: target }));
  return [...mounts, ...rest];
}

/** The files that are copied in, and a digest-worthy text of their contents for those that the file itself defines. */
export function copiedFiles(service: Section, project: Project): CopiedFile[] {
  return grants(service, project).flatMap(({ grant, resource, target }) => {
    const definition = new Section(resource.definition);
    if (isMounted(grant, definition)) return [];
    const file = definition.text('file');
    const variable = definition.text('environment');
    const content = () => {
      if (file !== undefined) return readContent(file);
      return Buffer.from(variable === undefined ? (definition.text('content') ?? '') : (project.lookup(variable) ?? ''));
    };
    return [{ path: target, content, uid: grant.number('uid') ?? 0, gid: grant.number('gid') ?? 0, mode: grant.number('mode') ?? 0o444 }];
  });
}

function readContent(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandFailure(plainReason(error, file), 1, error);
  }
}
