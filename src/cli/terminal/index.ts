export { DEFAULT_DETACH_KEYS, DetachWatch, parseDetachKeys } from './detach.ts';
export { type ProgressMessage, ProgressView, progressBar, showProgress } from './progress.ts';
export { confirm, readLine } from './prompt.ts';
export { detachKeys, type PumpOptions, pump, requireTerminal } from './pump.ts';
export { forwardSignals, signalNumber } from './signals.ts';
export { followSize, redraw, terminalSize } from './size.ts';
