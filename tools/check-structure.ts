// The structure of the house as a test: order of the rooms, import rings, banned calls, file sizes.
import path from 'node:path';
import { banComplaints, sizeComplaints } from './bans.ts';
import { importCycles } from './cycles.ts';
import { layerComplaints } from './layers.ts';
import { sourceFiles } from './source-files.ts';

const root = path.resolve(import.meta.dirname, '..');
const all = sourceFiles(root, ['src', 'test', 'tools']);
const source = all.filter((file) => file.path.startsWith('src/'));
const sizes = sizeComplaints(all);

const complaints = [
  ...layerComplaints(source).map((text) => `layers: ${text}`),
  ...importCycles(all).map((ring) => `cycle: ${ring.join(' → ')}`),
  ...banComplaints(all).map((text) => `banned: ${text}`),
  ...sizes.complaints.map((text) => `size: ${text}`),
];
for (const text of sizes.warnings) console.log(`size (warning): ${text}`);
for (const text of complaints) console.error(text);
console.log(`structure: ${all.length} files, ${complaints.length} complaint(s)`);
process.exitCode = complaints.length === 0 ? 0 : 1;
