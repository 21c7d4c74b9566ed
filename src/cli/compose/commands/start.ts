import { isRunning } from '../plan/observed.ts';
import { actingCommand, startAndHook } from './acting.ts';

export default actingCommand({
  about: 'Starts containers that are there. gantry compose up makes those that are not.',
  words: ['Starting', 'Started'],
  fits: (one) => !isRunning(one),
  order: 'needs',
  act: (context, one, _flags, service) => startAndHook(context, one, service),
});
