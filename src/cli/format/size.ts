/** Go's %.{digits}g: significant digits without trailing zeros, and an exponent when the number needs more digits. */
export function significant(value: number, digits: number): string {
  if (value === 0) return '0';
  const exponent = Number(value.toExponential(digits - 1).split('e')[1]);
  if (exponent < -4 || exponent >= digits) {
    return value
      .toExponential(digits - 1)
      .replace(/\.?0+e/, 'e')
      .replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return String(Number(value.toPrecision(digits)));
}

function scaled(size: number, base: number, units: readonly string[], digits: number): string {
  let value = size;
  let step = 0;
  while (value >= base && step < units.length - 1) {
    value /= base;
    step += 1;
  }
  return significant(value, digits) + units[step];
}

const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** Bytes in powers of 1000 with `digits` significant digits: `1.98MB`. */
export const decimalSize = (size: number, digits = 3) => scaled(size, 1000, DECIMAL, digits);

/** Bytes in powers of 1024 with four significant digits: `23.54GiB`. */
export const binarySize = (size: number) => scaled(size, 1024, BINARY, 4);
