/** Columns that a character takes on a terminal: two for East Asian wide ones. */
function runeWidth(rune: string): number {
  const code = rune.codePointAt(0) ?? 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6);
  return wide ? 2 : 1;
}

/** `text` cut to `width` columns, the last of which is `…` when something was cut. */
export function ellipsis(text: string, width: number): string {
  if (width <= 0) return '';
  const runes = [...text];
  let total = 0;
  for (const rune of runes) total += runeWidth(rune);
  if (total <= width) return text;
  if (width === 1) return runes[0] ?? '';
  let used = 0;
  let kept = '';
  for (const rune of runes) {
    used += runeWidth(rune);
    if (used > width - 1) break;
    kept += rune;
  }
  return `${kept}…`;
}

/** The first 12 digits of an id, without its `sha256:`. */
export function shortId(id: string): string {
  const colon = id.indexOf(':');
  return (colon < 0 ? id : id.slice(colon + 1)).slice(0, 12);
}

/** Go's strconv.Quote for text that people read. */
export function quote(text: string): string {
  return `"${text.replace(/["\\\x00-\x1f\x7f]/g, (c) => {
    const named: Record<string, string> = {
      '"': '\\"',
      '\\': '\\\\',
      '\n': '\\n',
      '\t': '\\t',
      '\r': '\\r',
      '\x07': '\\a',
      '\b': '\\b',
      '\f': '\\f',
      '\v': '\\v',
    };
    return named[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  })}"`;
}
