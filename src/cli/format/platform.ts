import { CommandFailure } from '../failure.ts';

/** The API's JSON form of `os/arch[/variant]`. Throws `CommandFailure` for text that is none. */
export function platformJson(text: string): string {
  const [os, architecture, variant, more] = text.split('/');
  if (!os || !architecture || more !== undefined) throw new CommandFailure(`invalid platform: ${text}: expected os/arch[/variant]`);
  return JSON.stringify({ os, architecture, ...(variant ? { variant } : {}) });
}
