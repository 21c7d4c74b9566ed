import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';

/** Architectures that QEMU, and so the kernel's table, names otherwise than images do. */
const QEMU_NAMES: Record<string, string> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  '386': 'i386',
  loong64: 'loongarch64',
  mips64le: 'mips64el',
  mipsle: 'mipsel',
};

/** Whether programs of an architecture (as images name it) run here by an emulator that binfmt_misc knows, in containers too. */
export function hasEmulator(architecture: string): boolean {
  try {
    return isUsableEmulator(readFileSync(`/proc/sys/fs/binfmt_misc/qemu-${QEMU_NAMES[architecture] ?? architecture}`, 'utf8'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** An entry of binfmt_misc (kernel documentation, admin-guide/binfmt-misc). Without the flag F the emulator would have to be in every image. */
export function isUsableEmulator(entry: string): boolean {
  return /^enabled$/m.test(entry) && /^flags: \w*F/m.test(entry);
}
