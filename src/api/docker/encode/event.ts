import type { Event } from '../../../model/index.ts';

/** One line of `GET /events`, with the fields of API 1.21 and before where Docker still has them. */
export function encodeEvent(event: Event): string {
  const { type, action, actor } = event;
  const legacy =
    type === 'container'
      ? { status: action, id: actor.id, from: actor.attributes['image'] ?? '' }
      : type === 'image'
        ? { status: action, id: actor.id }
        : {};
  const document = { ...legacy, Type: type, Action: action, Actor: { ID: actor.id, Attributes: actor.attributes }, scope: event.scope };
  // Nanoseconds are beyond what a number of JavaScript holds exactly: the digits are written as they are.
  return `${JSON.stringify(document).slice(0, -1)},"time":${event.timeNano / 1_000_000_000n},"timeNano":${event.timeNano}}\n`;
}
