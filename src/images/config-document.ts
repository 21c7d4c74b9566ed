type Json = Record<string, unknown>;

/** The `config` of an image in Docker's order of fields (moby, api/types/container/config.go), as the digest of the document is the image's id:
 * every field in its place; what Docker leaves out when empty is left out.
 */
export function dockerConfig(config: Json): Json {
  const text = (key: string) => ({ [key]: config[key] ?? '' });
  const flag = (key: string) => ({ [key]: config[key] ?? false });
  const orNull = (key: string) => ({ [key]: config[key] ?? null });
  const some = (key: string) => (isNothing(config[key]) || config[key] === '' || config[key] === false ? {} : { [key]: config[key] });
  const map = (key: string) => ({ [key]: isNothing(config[key]) ? null : sortedKeys(config[key] as Json) });
  const ports = config.ExposedPorts as Json | null | undefined;
  return {
    ...text('Hostname'),
    ...text('Domainname'),
    ...text('User'),
    ...flag('AttachStdin'),
    ...flag('AttachStdout'),
    ...flag('AttachStderr'),
    ...(ports && Object.keys(ports).length > 0 ? map('ExposedPorts') : {}),
    ...flag('Tty'),
    ...flag('OpenStdin'),
    ...flag('StdinOnce'),
    ...orNull('Env'),
    ...orNull('Cmd'),
    ...some('Healthcheck'),
    ...some('ArgsEscaped'),
    ...text('Image'),
    ...map('Volumes'),
    ...text('WorkingDir'),
    ...orNull('Entrypoint'),
    ...some('NetworkDisabled'),
    ...some('MacAddress'),
    ...orNull('OnBuild'),
    ...map('Labels'),
    ...some('StopSignal'),
    ...some('StopTimeout'),
    ...(isEmpty(config.Shell) ? {} : { Shell: config.Shell }),
  };
}

/** Go's encoder writes these so that JSON can stand in HTML. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** As Go writes times: no zeros at the end of a fraction. */
export const goTime = (timestamp: string): string => timestamp.replace(/\.?0+Z$/, 'Z');

const isNothing = (value: unknown): value is null | undefined => value === null || value === undefined;
const isEmpty = (value: unknown) => isNothing(value) || (Array.isArray(value) && value.length === 0);
const sortedKeys = (map: Json): Json => Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
