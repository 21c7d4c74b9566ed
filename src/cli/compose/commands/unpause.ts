import { containerPath } from '../../commands/each.ts';
import { actingCommand } from './acting.ts';

export default actingCommand({
  words: ['Unpausing', 'Unpaused'],
  fits: ({ state }) => state === 'paused',
  order: 'needs',
  act: ({ api }, { id }) => api.client.text('POST', containerPath(id, '/unpause')),
});
