import { show, type Value } from './value.ts';

const VERB = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+))?([a-zA-Z%])/g;

function pad(text: string, width: number, flags: string): string {
  const length = [...text].length;
  if (length >= width) return text;
  const fill = width - length;
  if (flags.includes('-')) return text + ' '.repeat(fill);
  if (!flags.includes('0')) return ' '.repeat(fill) + text;
  const sign = /^[+-]/.test(text) ? text[0] : '';
  return sign + '0'.repeat(fill) + text.slice(sign?.length ?? 0);
}

function integer(value: Value, radix: number, verb: string, plain: string): string {
  if (typeof value !== 'number' && typeof value !== 'bigint') return `%!${verb}(${goType(value)}=${plain})`;
  return typeof value === 'number' ? Math.trunc(value).toString(radix) : value.toString(radix);
}

function goType(value: Value): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  return value === null || value === undefined ? '<nil>' : 'interface {}';
}

function one(verb: string, flags: string, precision: number | undefined, value: Value): string {
  const plain = show(value);
  switch (verb) {
    case 's':
    case 'v':
      return precision === undefined ? plain : [...plain].slice(0, precision).join('');
    case 'q':
      return JSON.stringify(plain);
    case 'd':
      return (flags.includes('+') && Number(value) >= 0 ? '+' : '') + integer(value, 10, verb, plain);
    case 'x':
    case 'X': {
      const hex = typeof value === 'string' ? Buffer.from(value).toString('hex') : integer(value, 16, verb, plain);
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
    case 'o':
      return integer(value, 8, verb, plain);
    case 'b':
      return integer(value, 2, verb, plain);
    case 'c':
      return String.fromCodePoint(Number(value));
    case 'f':
    case 'F':
      return Number(value).toFixed(precision ?? 6);
    case 'e':
      return Number(value)
        .toExponential(precision ?? 6)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    case 'g':
      return show(Number(value));
    case 't':
      return typeof value === 'boolean' ? String(value) : `%!t(${goType(value)}=${plain})`;
    case 'T':
      return goType(value);
    default:
      return `%!${verb}(${goType(value)}=${plain})`;
  }
}

/** fmt.Sprintf for the verbs that output templates use. */
export function printf(format: string, values: readonly Value[]): string {
  let at = 0;
  const text = format.replace(VERB, (_whole, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    const wide = width === '*' ? Number(values[at++]) : Number(width ?? 0);
    const digits = precision === '*' ? Number(values[at++]) : precision === undefined ? undefined : Number(precision);
    if (at >= values.length) return `%!${verb}(MISSING)`;
    const value = values[at++];
    const zero = flags.includes('0') && (typeof value === 'number' || typeof value === 'bigint');
    return pad(one(verb, flags, digits, value), wide, zero ? flags : flags.replace('0', ''));
  });
  if (at >= values.length) return text;
  const extra = values.slice(at).map((value) => `${goType(value)}=${show(value)}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}
