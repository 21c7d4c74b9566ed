import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countConnections } from './connections.ts';

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const table = (...rows: string[]) =>
  [header, ...rows.map((row, at) => `   ${at}: ${row} 00000000:00000000 00:00000000 00000000 0 0 1`), ''].join('\n');

test('countConnections() counts what others have open to ports that are listened on', () => {
  const four = table(
    '00000000:0050 00000000:0000 0A',
    '020012AC:0050 010012AC:9C40 01',
    '020012AC:0050 010012AC:9C41 08',
    '020012AC:0050 010012AC:9C42 06',
  );
  assert.equal(countConnections([four]), 2, 'established and half closed, not TIME_WAIT');
});

test('countConnections() leaves out what the container asked of others, and its own loopback', () => {
  const four = table('00000000:0050 00000000:0000 0A', '020012AC:9C40 030012AC:1F90 01', '0100007F:0050 0100007F:9C44 01');
  const six = table(
    '00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A',
    '0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:9C45 01',
    '0000000000000000FFFF0000020012AC:1F90 0000000000000000FFFF0000010012AC:9C46 01',
  );
  assert.equal(countConnections([four, six]), 1);
});
