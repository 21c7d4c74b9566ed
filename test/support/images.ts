import path from 'node:path';
import { must, PROJECT } from './command.ts';

/** The images of images/, made from Debian's archive. */
export type TestImage = 'busybox' | 'debian' | 'nginx' | 'redis' | 'mariadb' | 'postgres' | 'python' | 'node';

/** Path of the image as a docker-archive; makes it when it is missing or its recipe has changed. */
export async function imageFile(image: TestImage): Promise<string> {
  await must('sh', [path.join(PROJECT, 'tools/images.sh'), image], { timeout: 300_000 });
  return path.join(PROJECT, '.cache/images', `${image}.tar`);
}
