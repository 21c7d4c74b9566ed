import { invalid } from '../../../base/index.ts';
import type { Scanner } from '../../../scan/index.ts';
import { type AddRoute, type Parts, text } from '../call.ts';

/** Gantry's own: what software an image holds, and what is known of it. `format` is report (default), cyclonedx or spdx. */
export function scanRoutes(add: AddRoute, parts: Parts, scanner: () => Promise<Scanner>): void {
  add('GET', '/gantry/scan', async (call) => {
    const name = text(call, 'name');
    if (name === undefined) throw invalid('the query parameter name must be given');
    const format = text(call, 'format') ?? 'report';
    if (!['report', 'cyclonedx', 'spdx'].includes(format))
      throw invalid(`invalid format ${JSON.stringify(format)}: a scan is given as report, cyclonedx or spdx`);
    const image = parts.engine.images.get(name);
    const made = await scanner();
    if (format === 'report') return call.exchange.sendJson(200, await made.report(image.id, call.exchange.signal));
    call.exchange.sendJson(200, await made.bill(image.id, { format: format as 'cyclonedx' | 'spdx', name, signal: call.exchange.signal }));
  });
}
