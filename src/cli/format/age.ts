const SECOND = 1000;
const HOUR = 3600 * SECOND;

/** A length of time in Docker's words: `About a minute`, `3 weeks`. Milliseconds in. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(ms / (60 * SECOND));
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(ms / HOUR + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(ms / HOUR / 24 / 365)} years`;
}

/** `3 days ago`, from milliseconds since the epoch. */
export const ago = (then: number, now: number) => `${humanDuration(now - then)} ago`;

/** Go's default text of a time: `2026-11-22 21:18:21.5 +0000 UTC`, of RFC 3339 text. */
export function goTime(rfc3339: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(rfc3339);
  if (!match) return rfc3339;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  const zone = match[4] === 'Z' ? '+0000 UTC' : `${match[4]?.replace(':', '')} ${match[4]?.replace(':', '')}`;
  return `${match[1]} ${match[2]}${fraction ? `.${fraction}` : ''} ${zone}`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** Offset of the local zone at `date`, as `+02:00`, or `Z`. */
function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  if (minutes === 0) return 'Z';
  return `${minutes < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** Unix seconds as RFC 3339 in the local zone: `2026-11-22T21:18:21Z`. */
export function localRfc3339(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${zoneOffset(date)}`;
}

/** Unix seconds as Go's time.Unix(…).String() in the local zone: `2026-11-22 21:18:21 +0000 UTC`. */
export function localGoTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const zone = zoneOffset(date);
  const offset = zone === 'Z' ? '+0000' : zone.replace(':', '');
  const name = zone === 'Z' ? 'UTC' : shortZone(date, offset);
  return `${localRfc3339(seconds).slice(0, 19).replace('T', ' ')} ${offset} ${name}`;
}

function shortZone(date: Date, offset: string): string {
  const name =
    new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date).find((part) => part.type === 'timeZoneName')?.value ??
    offset;
  return name.startsWith('GMT') ? offset : name;
}
