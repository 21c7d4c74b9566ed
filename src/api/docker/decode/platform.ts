import { invalid, notFound } from '../../../base/index.ts';
import { formatPlatform, matchPlatform, type Platform } from '../../../images/index.ts';
import type { ImageRecord } from '../../../model/index.ts';
import type { Call } from '../call.ts';

/** Platforms of the query as newer clients send them: `{"os":"linux","architecture":"arm64"}`, repeated. Fails with `invalid`. */
export function decodePlatforms(call: Call, name: 'platform' | 'platforms'): Platform[] {
  return call.query
    .getAll(name)
    .filter((text) => text !== '')
    .map((text) => {
      const wrong = () => invalid(`the query parameter ${name} is not a platform in JSON: ${JSON.stringify(text.slice(0, 200))}`);
      let value: Record<string, unknown> | null;
      try {
        value = JSON.parse(text);
      } catch {
        throw wrong();
      }
      const { os, architecture, variant } = value ?? {};
      if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || architecture === '') throw wrong();
      return { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) };
    });
}

/** An image has one platform here: asked for another one, it is not there. */
export function checkPlatforms(image: ImageRecord, reference: string, wanted: readonly Platform[]): void {
  const own = { os: image.os || 'linux', architecture: image.architecture, ...(image.variant ? { variant: image.variant } : {}) };
  for (const platform of wanted) {
    if (matchPlatform(platform, own) > 0) continue;
    throw notFound(
      `image with reference ${reference} was found but its platform (${formatPlatform(own)}) does not match the specified platform (${formatPlatform(platform)})`,
    );
  }
}
