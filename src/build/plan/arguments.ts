import type { ArgInstruction, Dockerfile } from '../dockerfile/dockerfile.ts';
import { type Expanded, expandWord } from '../dockerfile/expand.ts';
import { located } from '../dockerfile/lines.ts';
import type { Platform } from './platform.ts';
import { formatPlatform } from './platform.ts';

/** Arguments that everybody may use without declaring them in FROM, and by ARG elsewhere. */
export function platformArguments(build: Platform, target: Platform, stage: string): Map<string, string> {
  return new Map([
    ['BUILDPLATFORM', formatPlatform(build)],
    ['BUILDOS', build.os],
    ['BUILDOSVERSION', ''],
    ['BUILDARCH', build.architecture],
    ['BUILDVARIANT', build.variant],
    ['TARGETPLATFORM', formatPlatform(target)],
    ['TARGETOS', target.os],
    ['TARGETOSVERSION', ''],
    ['TARGETARCH', target.architecture],
    ['TARGETVARIANT', target.variant],
    ['TARGETSTAGE', stage === '' ? 'default' : stage],
  ]);
}

/** The platform's, and those of ARG before the first FROM; `given` comes from the client. */
export function globalArguments(
  predefined: ReadonlyMap<string, string>,
  dockerfile: Dockerfile,
  given: Readonly<Record<string, string>>,
): Map<string, string> {
  const values = new Map(predefined);
  for (const key of values.keys()) if (Object.hasOwn(given, key)) values.set(key, given[key]!);
  for (const instruction of dockerfile.globalArguments) addArguments(values, instruction, dockerfile.escape, given);
  return values;
}

function addArguments(
  values: Map<string, string>,
  instruction: ArgInstruction,
  escapeToken: string,
  given: Readonly<Record<string, string>>,
) {
  for (const { key, default: written } of instruction.arguments) {
    const value = Object.hasOwn(given, key)
      ? given[key]
      : written === undefined
        ? undefined
        : located(instruction.range, (): Expanded => expandWord(written, values, { escape: escapeToken })).text;
    if (value !== undefined) values.set(key, value);
  }
}

const PROXIES = /^(http|https|ftp|no|all)_proxy$/i;

/** In both spellings, as processes look for either. */
export function proxyEnvironment(given: Readonly<Record<string, string>>): string[] {
  const values = new Map<string, string>();
  for (const key of Object.keys(given).sort()) if (PROXIES.test(key)) values.set(key.toUpperCase(), given[key]!);
  return [...values].flatMap(([key, value]) => (value === '' ? [] : [`${key}=${value}`, `${key.toLowerCase()}=${value}`]));
}
