import { actingCommand, timeoutFlag } from './acting.ts';

export default actingCommand({
  flags: [timeoutFlag],
  words: ['Restarting', 'Started'],
  fits: () => true,
  order: 'needs',
  act: ({ api, timeout }, one) => api.restart(one.id, timeout),
});
