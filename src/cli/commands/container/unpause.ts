import { freezing } from './freezing.ts';

export default freezing('unpause');
