import { run } from '../../../host/index.ts';

/** Mounts a file system of 1 MiB at `folder` while `work` runs. False where mounting is not allowed. */
export async function onSmallDisk(folder: string, work: () => Promise<void>): Promise<boolean> {
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { allowFailure: true });
  if (mounted.code !== 0) return false;
  try {
    await work();
  } finally {
    await run('umount', [folder]);
  }
  return true;
}
