import { pipeline } from 'node:stream/promises';
import { invalid } from '../../../base/index.ts';
import type { PathStat } from '../../../engine/index.ts';
import { type AddRoute, type Call, flag, type Parts, parameter, text } from '../call.ts';
import { plainTar } from '../streams/decompress.ts';

const STAT_HEADER = 'X-Docker-Container-Path-Stat';

/** Files in and out of containers, and whole containers. */
export function archiveRoutes(add: AddRoute, parts: Parts): void {
  const { archive, containers } = parts.engine;
  add('HEAD', '/containers/:id/archive', async (call) => {
    const stat = await archive.stat(parameter(call, 'id'), pathOf(call));
    call.exchange.sendEmpty(200, [STAT_HEADER, encodeStat(stat)]);
  });
  add('GET', '/containers/:id/archive', async (call) => {
    const { stat, tar } = await archive.get(parameter(call, 'id'), pathOf(call));
    await pipeline(tar, call.exchange.stream(200, 'application/x-tar', [STAT_HEADER, encodeStat(stat)]));
  });
  add('PUT', '/containers/:id/archive', async (call) => {
    const options = { noOverwriteDirNonDir: flag(call, 'noOverwriteDirNonDir'), copyOwner: flag(call, 'copyUIDGID') };
    await archive.put(parameter(call, 'id'), pathOf(call), await plainTar(call.exchange.upload()), options, call.exchange.signal);
    call.exchange.sendEmpty(200);
  });
  add('GET', '/containers/:id/export', async (call) => {
    const { id } = containers.get(parameter(call, 'id'));
    const response = call.exchange.stream(200, 'application/octet-stream');
    await containers.export(id, response, call.exchange.signal);
    if (!response.writableEnded) response.end();
  });
}

function pathOf(call: Call): string {
  const path = text(call, 'path');
  if (path === undefined) throw invalid('missing path: the query parameter path must be given');
  if (path.includes('\0')) throw invalid('invalid path: it contains a zero byte');
  return path;
}

/** JSON in base64. */
function encodeStat(stat: PathStat): string {
  return Buffer.from(
    JSON.stringify({ name: stat.name, size: stat.size, mode: stat.mode, mtime: stat.modified, linkTarget: stat.linkTarget }),
  ).toString('base64');
}
