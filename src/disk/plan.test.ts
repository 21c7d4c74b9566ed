import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { limitBytes, parseDiskLimit, shownBytes } from './limit.ts';
import { type CachePiece, GRACE, type ImagePiece, planCollection, type Situation } from './plan.ts';

const NOW = 100 * 86_400_000;
const daysAgo = (days: number) => NOW - days * 86_400_000;

function image(id: string, days: number, layers: string[], more: Partial<ImagePiece> = {}): ImagePiece {
  return { id, named: true, layers, bytes: 1, used: false, lastUsed: daysAgo(days), ...more };
}

function piece(id: string, days: number, more: Partial<CachePiece> = {}): CachePiece {
  return { id, bytes: 0, inUse: false, lastUsed: daysAgo(days), ...more };
}

/** Layers have 100 bytes each. */
function chosen(situation: Partial<Situation>, wanted: number) {
  const { images = [], cache = [] } = situation;
  const layers = new Map([...images.flatMap((one) => one.layers), ...cache.flatMap((one) => one.layer ?? [])].map((name) => [name, 100]));
  const plan = planCollection({ layers, images, cache }, wanted, NOW);
  return { cache: [...plan.cache], images: [...plan.images], bytes: plan.bytes };
}

suite('planCollection()', () => {
  test('takes the build cache first, then images without a name, then others, each by last use, and no more than is needed', () => {
    const situation = {
      cache: [piece('new', 1, { layer: 'n' }), piece('old', 9, { bytes: 100 }), piece('busy', 20, { bytes: 100, inUse: true })],
      images: [image('named', 30, ['a']), image('fresh', 2, ['b']), image('dangling', 3, ['c'], { named: false })],
    };
    assert.deepEqual(chosen(situation, 1), { cache: ['old'], images: [], bytes: 100 });
    assert.deepEqual(chosen(situation, 201), { cache: ['old', 'new'], images: ['dangling'], bytes: 301 });
    assert.deepEqual(chosen(situation, 302), { cache: ['old', 'new'], images: ['dangling', 'named'], bytes: 402 });
    assert.deepEqual(chosen(situation, 9999).images, ['dangling', 'named', 'fresh']);
  });

  test('never takes an image that a container was made from, nor one that came just now', () => {
    const images = [image('used', 50, ['a'], { used: true }), { ...image('just', 0, ['b']), lastUsed: NOW - GRACE + 1 }];
    assert.deepEqual(chosen({ images }, 500), { cache: [], images: [], bytes: 0 });
  });

  test('leaves alone what would free nothing, since something that stays has the same layers', () => {
    const images = [image('used', 1, ['base', 'x'], { used: true }), image('same', 9, ['base']), image('more', 8, ['base', 'y'])];
    const cache = [piece('of used', 9, { layer: 'x' })];
    assert.deepEqual(chosen({ images, cache }, 500), { cache: [], images: ['more'], bytes: 101 });
  });

  test('counts a layer when the last that has it goes: two images, or an image and the cache', () => {
    const images = [image('one', 9, ['base']), image('two', 8, ['base'])];
    assert.deepEqual(chosen({ images }, 500), { cache: [], images: ['one', 'two'], bytes: 102 });
    const cache = [piece('step', 1, { layer: 'top' }), piece('twin', 1, { layer: 'top' })];
    assert.deepEqual(chosen({ images: [image('built', 9, ['top'])], cache }, 500), {
      cache: ['step', 'twin'],
      images: ['built'],
      bytes: 101,
    });
  });

  test('what others were made from goes only after them', () => {
    const images = [image('parent', 9, ['a'], { named: false }), image('child', 5, ['a', 'b'], { parent: 'parent' })];
    assert.deepEqual(chosen({ images }, 500), { cache: [], images: ['child', 'parent'], bytes: 202 });
    assert.deepEqual(chosen({ images: [images[0] as ImagePiece, { ...(images[1] as ImagePiece), used: true }] }, 500).images, []);
  });
});

test('parseDiskLimit() reads bytes and shares, and refuses the rest by name', () => {
  assert.deepEqual(parseDiskLimit('40GiB'), { bytes: 40 * 2 ** 30 });
  assert.deepEqual(parseDiskLimit('40g'), { bytes: 40 * 2 ** 30 });
  assert.deepEqual(parseDiskLimit('1.5 TB'), { bytes: 1.5e12 });
  assert.deepEqual(parseDiskLimit('30%'), { percent: 30 });
  assert.equal(parseDiskLimit('off'), undefined);
  assert.equal(limitBytes({ percent: 30 }, 1000), 300);
  for (const text of ['', '40 apples', '-1g', '0', '1e9', '101%', '0%', '5m'])
    assert.throws(() => parseDiskLimit(text), new RegExp(`--disk-budget ${text}`), text);
});

test('shownBytes() is short', () => {
  assert.deepEqual([0, 999, 1024, 1_500_000, 43 * 2 ** 30, 2 ** 42].map(shownBytes), [
    '0 B',
    '999 B',
    '1.0 KiB',
    '1.4 MiB',
    '43.0 GiB',
    '4.0 TiB',
  ]);
});
