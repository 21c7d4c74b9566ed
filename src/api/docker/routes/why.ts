import { invalid } from '../../../base/index.ts';
import type { Disk } from '../../../disk/index.ts';
import { type AddRoute, type Parts, text } from '../call.ts';

/** Ours: why a container, or the disk, is in the state it is in. A container that is called `disk` is `/disk` here. */
export function whyRoutes(add: AddRoute, { engine }: Parts, disk: Disk): void {
  add('GET', '/gantry/why', async (call) => {
    const name = text(call, 'name');
    if (name === undefined) throw invalid('the query parameter name must be given');
    call.exchange.sendJson(200, name === 'disk' ? await disk.why() : await engine.containers.why(name));
  });
}
