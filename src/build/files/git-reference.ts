import { invalid } from '../../base/index.ts';

export interface GitReference {
  /** As git takes it. */
  remote: string;
  /** Branch, tag or commit; the remote's default when absent. */
  ref?: string;
  /** Directory in the repository. */
  subdirectory?: string;
  checksum?: string;
  keepGitDir?: boolean;
  submodules: boolean;
}

const QUERY = new Set(['ref', 'branch', 'tag', 'commit', 'checksum', 'subdir', 'keep-git-dir', 'submodules']);

/**
 * `https://host/repo.git#ref:subdirectory`, `git://…`, `ssh://…`, `git@host:path`, also with `?ref=…&subdir=…`; undefined for what is no git
 * reference. Only these protocols: others let git run programs or read local files.
 */
export function parseGitReference(text: string): GitReference | undefined {
  const [address = '', ...fragments] = text.split('#');
  const scp = /^[A-Za-z0-9_.-]+@[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)/.test(address);
  const url = scp ? undefined : URL.parse(/^github\.com\//i.test(address) ? `https://${address}` : address);
  if (!scp) {
    if (!url) return undefined;
    const web = url.protocol === 'http:' || url.protocol === 'https:';
    if (web ? !/\.git\/?$/.test(url.pathname) && !/^github\.com\//i.test(address) : url.protocol !== 'git:' && url.protocol !== 'ssh:')
      return undefined;
  }
  const [ref = '', subdirectory = ''] = splitOnce(fragments.join('#'), ':');
  const found: GitReference = { remote: scp ? address : '', submodules: true };
  if (ref !== '') found.ref = ref;
  if (subdirectory !== '') found.subdirectory = subdirectory;
  if (url) readQuery(url, found, text);
  if (url) found.remote = url.href;
  for (const value of [found.remote, found.ref ?? ''])
    if (value.startsWith('-')) throw invalid(`"${value}" is not a git reference: it begins with a dash`);
  if (/[\s\0~^:?*[\\]|\.\./.test(found.ref ?? '')) throw invalid(`"${found.ref}" is not the name of a branch, a tag or a commit`);
  return found;
}

function readQuery(url: URL, found: GitReference, text: string): void {
  for (const [key, value] of url.searchParams) {
    if (!QUERY.has(key)) throw invalid(`"${text}": unknown query "${key}" in a git URL`);
    if (key === 'subdir') found.subdirectory = value;
    else if (key === 'keep-git-dir') found.keepGitDir = value === '' || value === '1' || value === 'true';
    else if (key === 'submodules') found.submodules = value === '' || value === '1' || value === 'true';
    else if (key === 'checksum' || key === 'commit') found.checksum = value;
    else found.ref = key === 'branch' ? `refs/heads/${value}` : key === 'tag' ? `refs/tags/${value}` : value;
    if (key === 'commit') found.ref ??= value;
  }
  url.search = '';
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
