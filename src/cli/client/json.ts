/** An integer too large for a JavaScript number stays exact as a bigint; everything else is as JSON.parse gives it. */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const exact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source;
    return exact && /^-?\d+$/.test(exact) ? BigInt(exact) : value;
  });
}

/** Re-indents JSON text without reading its numbers or the order of its keys; empty `{}` and `[]` stay on one line. */
export function indentJson(text: string, indent: string, prefix = ''): string {
  let out = '';
  let depth = 0;
  const line = () => `\n${prefix}${indent.repeat(depth)}`;
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  let opened = false;
  for (const [word] of text.matchAll(token)) {
    if (word === '}' || word === ']') {
      depth -= 1;
      out += opened ? word : line() + word;
      opened = false;
      continue;
    }
    if (opened) out += line();
    opened = false;
    if (word === '{' || word === '[') {
      depth += 1;
      opened = true;
      out += word;
    } else if (word === ',') out += word + line();
    else if (word === ':') out += ': ';
    else out += word;
  }
  return out;
}

/** Separate JSON values of a stream, one after another: newline between them or not. */
export async function* jsonStream(source: AsyncIterable<Buffer | string>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    let newline = rest.indexOf('\n');
    while (newline >= 0) {
      const line = rest.slice(0, newline).trim();
      rest = rest.slice(newline + 1);
      if (line !== '') yield parseJson(line);
      newline = rest.indexOf('\n');
    }
    const whole = completeValue(rest);
    if (whole !== undefined) {
      yield whole;
      rest = '';
    }
  }
  if (rest.trim() !== '') yield parseJson(rest);
}

/** Engines may leave out the newline; the value counts as soon as it parses. Objects only, or `12` could be half of `123`. */
function completeValue(text: string): unknown {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return undefined;
  try {
    return parseJson(trimmed);
  } catch {
    return undefined;
  }
}
