import type { Event } from '../../../model/index.ts';
import { type Filters, matchesLabels } from './filters.ts';

export const EVENT_FILTERS = [
  'container',
  'image',
  'type',
  'event',
  'label',
  'label!',
  'volume',
  'network',
  'daemon',
  'scope',
  'plugin',
  'service',
  'node',
  'secret',
  'config',
];

export function eventFilter(filters: Filters): (event: Event) => boolean {
  if (filters.empty) return () => true;
  const objects = ['container', 'volume', 'network', 'daemon', 'plugin', 'service', 'node', 'secret', 'config'] as const;
  return (event) =>
    filters.any('type', (type) => event.type === type) &&
    filters.any('scope', (scope) => event.scope === scope) &&
    // "exec_start: ls" is found as it is and by its first word.
    filters.any('event', (action) => event.action === action || event.action.split(':')[0] === action) &&
    matchesLabels(filters, event.actor.attributes) &&
    (!filters.has('image') || filters.any('image', (image) => concernsImage(event, image))) &&
    matchesObjects(filters, event, objects);
}

/** An event fits when it is about one of the objects that any of these filters names. */
function matchesObjects(filters: Filters, event: Event, objects: readonly string[]): boolean {
  const asked = objects.filter((type) => filters.has(type));
  return asked.length === 0 || asked.some((type) => event.type === type && filters.any(type, (name) => concerns(event, name)));
}

function concerns(event: Event, name: string): boolean {
  return (
    event.actor.id === name || event.actor.attributes['name'] === name || (/^[0-9a-f]{2,64}$/.test(name) && event.actor.id.startsWith(name))
  );
}

function concernsImage(event: Event, image: string): boolean {
  const bare = (name: string) => name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const named = (name: string | undefined) => name !== undefined && (name === image || bare(name) === image);
  if (event.type === 'image')
    return named(event.actor.id) || named(event.actor.attributes['name']) || event.actor.id.startsWith(`sha256:${image}`);
  return event.type === 'container' && named(event.actor.attributes['image']);
}
