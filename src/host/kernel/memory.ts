import { native } from './library.ts';

/**
 * Gives the memory that the C library keeps for later back to the kernel: after work with large buffers that is most of what the
 * process holds (90 MB after a pull). Takes some milliseconds.
 */
export function releaseFreeMemory(): void {
  native('malloc_trim', 'int', 'size_t')(0);
}
