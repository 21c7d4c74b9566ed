import { text } from '../../flags/index.ts';
import { actingCommand } from './acting.ts';

export default actingCommand({
  flags: [text('signal', 'The signal to send', { short: 's', default: 'SIGKILL' })],
  words: ['Killing', 'Killed'],
  fits: ({ state }) => state === 'running',
  order: 'users',
  act: ({ api }, one, flags) => api.kill(one.id, flags.text('signal')),
});
