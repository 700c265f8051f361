import { incidental } from './definition.ts';

export const poison = incidental({
  kind: 'poison',
  family: 'load',
  field: 'producers.poison',
  text: 'a message that some consumers crash on',
});
