import type { SoftwarePackage } from '../scan.ts';
import { elfSection } from './elf.ts';
import type { ImageFile } from './walk.ts';

const MAX_SECTION = 4 * 1024 * 1024;
const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');
const HEADER = 32;
const INLINE_STRINGS = 2;
/** Bytes that frame the text about modules. */
const FRAME = 16;

/**
 * Modules that a Go program was built of, from its section `.go.buildinfo` (Go's debug/buildinfo, the form with the strings
 * inline, of Go 1.18 and later). Nothing for other files.
 */
export function goModules(file: ImageFile): SoftwarePackage[] {
  return file.open((fd, size) => {
    const section = elfSection(fd, size, '.go.buildinfo', MAX_SECTION);
    if (!section?.subarray(0, MAGIC.length).equals(MAGIC) || ((section[15] ?? 0) & INLINE_STRINGS) === 0) return [];
    const version = readString(section, HEADER);
    const modules = readString(section, version.end);
    const text = modules.data.subarray(FRAME, -FRAME).toString('utf8');
    return [
      {
        ecosystem: 'golang',
        name: 'stdlib',
        version: version.data.toString('utf8').replace(/^go/, '').split(' ')[0] ?? '',
        path: file.path,
      },
      ...parseModules(text, file.path),
    ];
  });
}

/** A length as a varint, then that many bytes. */
function readString(section: Buffer, at: number): { data: Buffer; end: number } {
  let length = 0;
  let offset = at;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = section[offset] ?? 0;
    offset += 1;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return { data: section.subarray(offset, offset + length), end: offset + length };
}

/** Lines of `mod`, `dep` and `=>` (which replaces the one before), with tabs between. */
export function parseModules(text: string, path: string): SoftwarePackage[] {
  const found: SoftwarePackage[] = [];
  for (const line of text.split('\n')) {
    const [kind, name, version] = line.split('\t');
    if (!name || !version) continue;
    if (kind === '=>') found.pop();
    if (kind === 'mod' || kind === 'dep' || kind === '=>') found.push({ ecosystem: 'golang', name, version, path });
  }
  // What was built in a work tree has no version to compare.
  return found.filter(({ version }) => version !== '(devel)');
}
