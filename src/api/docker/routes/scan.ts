import { invalid } from '../../../base/index.ts';
import type { Scanner } from '../../../scan/index.ts';
import { type AddRoute, type Call, type Parts, text } from '../call.ts';
import { decodeRegistryAuth } from '../decode/registry-auth.ts';

/** Media types of bills of materials, by format. */
const BILLS = { cyclonedx: 'application/vnd.cyclonedx+json', spdx: 'application/spdx+json' } as const;

/** Gantry's own: what software an image holds, and what is known of it. `format` is report (default), cyclonedx or spdx. */
export function scanRoutes(add: AddRoute, parts: Parts, scanner: () => Promise<Scanner>): void {
  add('GET', '/gantry/scan', async (call) => {
    const name = nameOf(call);
    const format = text(call, 'format') ?? 'report';
    if (format !== 'report' && !isBill(format))
      throw invalid(`invalid format ${JSON.stringify(format)}: a scan is given as report, cyclonedx or spdx`);
    const image = parts.engine.images.get(name);
    const made = await scanner();
    if (format === 'report') return call.exchange.sendJson(200, await made.report(image.id, call.exchange.signal));
    call.exchange.sendJson(200, await made.bill(image.id, { format, name, signal: call.exchange.signal }));
  });
  add('POST', '/gantry/scan/attach', async (call) => {
    const name = nameOf(call);
    const format = text(call, 'format') ?? 'cyclonedx';
    if (!isBill(format)) throw invalid(`invalid format ${JSON.stringify(format)}: a bill of materials is cyclonedx or spdx`);
    const credentials = decodeRegistryAuth(call.exchange.request.headers['x-registry-auth']);
    const { signal } = call.exchange;
    const image = parts.engine.images.get(name);
    const bill = await (await scanner()).bill(image.id, { format, name, signal });
    const created = new Date(parts.clock.now()).toISOString();
    const artifact = { type: BILLS[format], data: Buffer.from(JSON.stringify(bill)), created };
    call.exchange.sendJson(200, await parts.engine.images.attach(name, artifact, { signal, ...(credentials ? { credentials } : {}) }));
  });
}

function nameOf(call: Call): string {
  const name = text(call, 'name');
  if (name === undefined) throw invalid('the query parameter name must be given');
  return name;
}

const isBill = (format: string): format is keyof typeof BILLS => Object.hasOwn(BILLS, format);
