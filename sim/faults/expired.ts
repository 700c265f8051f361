import { incidental } from './definition.ts';

export const expired = incidental({
  kind: 'expired',
  family: 'authority',
  field: 'capabilities.lifetime',
  text: 'a call with a capability that is out of date',
});
