import assert from 'node:assert/strict';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { describe, isKind, randomIds, silentLog, systemClock } from '../base/index.ts';
import { isMountPoint, unmount } from '../host/index.ts';
import { memoryStore, type Store } from '../store/index.ts';
import { createVolumes } from './local-volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'gantry-volumes-'));
const mounted: string[] = [];
after(async () => {
  for (const path of mounted) await unmount(path, { lazy: true });
  rmSync(folder, { recursive: true, force: true });
});
let count = 0;

async function open(store: Store = memoryStore(), dataRoot = join(folder, `${(count += 1)}`)) {
  const start = () => createVolumes({ dataRoot, store, clock: systemClock(), ids: randomIds(), log: silentLog });
  return { volumes: await start(), restart: start, store, directory: join(dataRoot, 'volumes') };
}

suite('volumes', { timeout: 20_000 }, () => {
  test('create() makes a directory, and the same name resolves to the same volume', async () => {
    const { volumes } = await open();
    const made = await volumes.create({ name: 'data', labels: { a: 'b' } });
    assert.ok(statSync(made.mountpoint).isDirectory());
    assert.deepEqual(await volumes.create({ name: 'data', labels: { other: 'x' } }), made);
    assert.deepEqual(volumes.get('data').labels, { a: 'b' });
    assert.match((await volumes.create({})).name, /^[0-9a-f]{64}$/);
  });

  test('create() refuses names that are no names, unknown drivers and options, each by name', async () => {
    const { volumes } = await open();
    const refused: [Parameters<typeof volumes.create>[0], RegExp][] = [
      [{ name: 'x/y' }, /"x\/y" includes invalid characters for a local volume name, only "\[a-zA-Z0-9\]\[a-zA-Z0-9_.-\]" are allowed/],
      [{ name: '..' }, /includes invalid characters/],
      [{ name: 'a' }, /too short/],
      [{ name: 'v'.repeat(300) }, /too long/],
      [{ name: 'vol', driver: 'rex' }, /plugin "rex" not found/],
      [{ name: 'vol', options: { colour: 'red' } }, /invalid option: "colour"/],
      [{ name: 'vol', options: { type: 'tmpfs' } }, /missing required option: "device"/],
      [{ name: 'vol', options: { o: 'size=1m' } }, /missing required option: "device"/],
      [{ name: 'vol', options: { type: 'none', device: 'relative', o: 'bind' } }, /absolute path/],
      [{ name: 'vol', options: { size: '1g' } }, /no quota support/],
    ];
    for (const [request, message] of refused) await assert.rejects(volumes.create(request), message);
    assert.deepEqual(volumes.list(), []);
  });

  test('remove() frees the name at once, and refuses while a container uses it', async () => {
    const { volumes, directory } = await open();
    const { mountpoint } = await volumes.create({ name: 'data' });
    writeFileSync(join(mountpoint, 'file'), 'x');
    await assert.rejects(
      volumes.remove('data', { force: true, usedBy: ['c1', 'c2'] }),
      (error) => isKind(error, 'conflict') && /remove data: volume is in use - \[c1, c2\]/.test(String(error)),
    );
    await volumes.remove('data', { force: false, usedBy: [] });
    await assert.rejects(
      volumes.remove('data', { force: false, usedBy: [] }),
      (error) => isKind(error, 'notFound') && /get data: no such volume/.test(String(error)),
    );
    await volumes.remove('data', { force: true, usedBy: [] });
    assert.deepEqual(readdirSync((await volumes.create({ name: 'data' })).mountpoint), []);
    assert.deepEqual(readdirSync(directory), ['data']);
  });

  test('fill() copies owner, mode and links into an empty volume, and never over data', async () => {
    const { volumes } = await open();
    const root = join(folder, `root${count}`);
    mkdirSync(join(root, 'var/lib/db'), { recursive: true, mode: 0o750 });
    chownSync(join(root, 'var/lib/db'), 33, 44);
    writeFileSync(join(root, 'var/lib/db/table'), 'rows', { mode: 0o640 });
    symlinkSync('/etc/passwd', join(root, 'var/lib/db/link'));
    const { mountpoint } = await volumes.create({ name: 'data' });
    const { ino } = statSync(mountpoint);
    await volumes.fill('data', root, '/var/lib/db');
    assert.equal(statSync(mountpoint).ino, ino, 'containers that run already have this directory mounted');
    assert.equal(readFileSync(join(mountpoint, 'table'), 'utf8'), 'rows');
    const stat = statSync(mountpoint);
    assert.deepEqual([stat.uid, stat.gid, stat.mode & 0o777], [33, 44, 0o750]);
    assert.deepEqual(readdirSync(join(mountpoint, '..')), ['_data']);
    writeFileSync(join(root, 'var/lib/db/table'), 'changed');
    await volumes.fill('data', root, '/var/lib/db');
    assert.equal(readFileSync(join(mountpoint, 'table'), 'utf8'), 'rows');
    await volumes.create({ name: 'empty' });
    await volumes.fill('empty', root, '/not/there');
    assert.deepEqual(readdirSync(volumes.get('empty').mountpoint), []);
  });

  test('hold() mounts what the options say, until the last one lets go, and remove() takes it off', async () => {
    const { volumes } = await open();
    const source = join(folder, 'source');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'here'), '');
    await volumes.create({ name: 'bound', options: { type: 'none', o: 'bind', device: source } });
    const target = await volumes.hold('bound', 'c1');
    mounted.push(target);
    await volumes.hold('bound', 'c2');
    assert.ok(isMountPoint(target));
    assert.deepEqual(readdirSync(target), ['here']);
    await volumes.release('bound', 'c1');
    assert.ok(isMountPoint(target), 'another one holds it still');
    await volumes.release('bound', 'c2');
    await volumes.release('bound', 'c2');
    assert.ok(!isMountPoint(target));
    await volumes.create({ name: 'memory', options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } });
    mounted.push(await volumes.hold('memory', 'c1'));
    await volumes.remove('memory', { force: false, usedBy: [] });
    assert.ok(!existsSync(join(target, '../../memory')));
    await volumes.create({ name: 'gone', options: { type: 'none', o: 'bind', device: join(folder, 'nowhere') } });
    await assert.rejects(
      volumes.hold('gone', 'c1').catch((error) => Promise.reject(new Error(describe(error)))),
      /error while mounting volume 'gone': failed to mount local volume: mount \S*nowhere \(type none, bind\): special device \S* does not exist$/,
    );
  });

  test('a start leaves mounted what someone still holds, and unmounts the rest', async () => {
    const { volumes, restart } = await open();
    for (const name of ['kept', 'left']) {
      await volumes.create({ name, options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } });
      mounted.push(await volumes.hold(name, 'c1'));
    }
    writeFileSync(join(volumes.get('kept').mountpoint, 'file'), 'precious');
    const again = await restart();
    await again.hold('kept', 'c1');
    await again.unmountUnused();
    assert.equal(readFileSync(join(again.get('kept').mountpoint, 'file'), 'utf8'), 'precious');
    assert.ok(!isMountPoint(again.get('left').mountpoint));
  });

  test('no password shows in what is said when a mount fails', async () => {
    const { volumes } = await open();
    await volumes.create({ name: 'share', options: { type: 'cifs', device: '//127.0.0.1/x', o: 'username=me,password=secret' } });
    const said = await volumes.hold('share', 'c1').then(() => '', describe);
    assert.match(said, /failed to mount local volume: mount \/\/127.0.0.1\/x \(type cifs, username=me,password=\*{8}\): /);
    assert.ok(!said.includes('secret'));
    assert.deepEqual(readdirSync(join(volumes.get('share').mountpoint, '..')), ['_data']);
  });

  test('at start rows and directories come together: nothing half-made stays, no data is lost', async () => {
    const { volumes, restart, store, directory } = await open();
    await volumes.create({ name: 'kept', labels: { a: 'b' } });
    await volumes.create({ name: 'filling' });
    await volumes.create({ name: 'removing' });
    rmSync(join(directory, 'kept'), { recursive: true });
    mkdirSync(join(directory, 'filling/.filling'));
    await volumes.create({ name: 'filled' });
    mkdirSync(join(directory, 'filled/.filled'), { mode: 0o750 });
    for (const file of ['.filled/first', '.filled/second', '_data/second']) writeFileSync(join(directory, 'filled', file), file);
    rmSync(join(directory, 'removing'), { recursive: true });
    mkdirSync(join(directory, '.removing-removing/_data'), { recursive: true });
    mkdirSync(join(directory, 'orphan/_data'), { recursive: true });
    writeFileSync(join(directory, 'orphan/_data/file'), 'precious');
    const again = await restart();
    assert.deepEqual(
      again.list().map((volume) => volume.name),
      ['filled', 'filling', 'kept', 'orphan'],
    );
    assert.deepEqual(again.get('kept').labels, { a: 'b' });
    assert.deepEqual(readdirSync(join(directory, 'filling')), ['_data']);
    assert.deepEqual(readdirSync(join(directory, 'filled')), ['_data']);
    const { mountpoint } = again.get('filled');
    assert.deepEqual(
      ['first', 'second'].map((file) => readFileSync(join(mountpoint, file), 'utf8')),
      ['.filled/first', '_data/second'],
    );
    assert.equal(statSync(mountpoint).mode & 0o777, 0o750);
    assert.equal(readFileSync(join(again.get('orphan').mountpoint, 'file'), 'utf8'), 'precious');
    assert.equal(await store.get('volume', 'removing'), undefined);
  });

  test('size() counts bytes on disk', async () => {
    const { volumes } = await open();
    const { mountpoint } = await volumes.create({ name: 'data' });
    writeFileSync(join(mountpoint, 'file'), Buffer.alloc(100_000, 1));
    const size = await volumes.size('data');
    assert.ok(size >= 100_000 && size < 200_000, String(size));
  });
});
