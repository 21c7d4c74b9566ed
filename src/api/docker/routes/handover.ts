import { type AddRoute, type Parts, parameter, text } from '../call.ts';

/** Routes of our own: how one container takes the place of another (docs/design/rolling-update.md). */
export function handOverRoutes(add: AddRoute, { engine: { handOver } }: Parts): void {
  add('GET', '/gantry/containers/:id/hand-over', (call) => {
    const { role, other, connections } = handOver.describe(parameter(call, 'id'));
    call.exchange.sendJson(200, { Role: role, Other: other ?? '', Connections: connections });
  });
  add('POST', '/gantry/containers/:id/stand-by', async (call) => {
    await handOver.standBy(parameter(call, 'id'), text(call, 'for'));
    call.exchange.sendEmpty(204);
  });
  add('POST', '/gantry/containers/:id/stand-down', async (call) => {
    await handOver.standDown(parameter(call, 'id'));
    call.exchange.sendEmpty(204);
  });
  add('POST', '/gantry/containers/:id/take-over', async (call) => {
    await handOver.takeOver(parameter(call, 'id'));
    call.exchange.sendEmpty(204);
  });
}
