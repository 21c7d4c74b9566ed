import { containerPath } from '../../commands/each.ts';
import { actingCommand } from './acting.ts';

export default actingCommand({
  words: ['Pausing', 'Paused'],
  fits: ({ state }) => state === 'running',
  order: 'needs',
  act: ({ api }, { id }) => api.client.text('POST', containerPath(id, '/pause')),
});
