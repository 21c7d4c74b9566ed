export { ago, goTime, humanDuration, localGoTime, localRfc3339 } from './age.ts';
export { binarySize, decimalSize, significant } from './size.ts';
export { ellipsis, quote, shortId } from './text.ts';
