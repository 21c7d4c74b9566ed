export { createScanner, type ScannerOptions } from './create-scanner.ts';
export { parseScanPolicy } from './policy.ts';
export type * from './scan.ts';
