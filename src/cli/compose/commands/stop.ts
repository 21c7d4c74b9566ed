import { stopContainer } from '../engine/retire.ts';
import { isRunning } from '../plan/observed.ts';
import { actingCommand, timeoutFlag } from './acting.ts';

export default actingCommand({
  flags: [timeoutFlag],
  words: ['Stopping', 'Stopped'],
  fits: isRunning,
  order: 'users',
  act: (context, one, _flags, service) => stopContainer(context, service, one),
});
