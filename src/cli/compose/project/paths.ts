import path from 'node:path';

/** Where relative paths of a file begin. */
export interface Paths {
  resolve(text: string): string;
}

export function pathsFrom(folder: string, home: string): Paths {
  return {
    resolve(text) {
      if (text === '~' || text.startsWith('~/')) return path.join(home, text.slice(1));
      return path.resolve(folder, text);
    },
  };
}

/** Whether the source of a mount is a path rather than the name of a volume. */
export const isPath = (text: string) => /^(\.{1,2}(\/|$)|\/|~)/.test(text);

/** Sources of a build that are fetched rather than found in a folder. */
export const isRemote = (context: string) =>
  /^(https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/|docker-image:\/\/|oci-layout:\/\/|service:)/.test(context);
