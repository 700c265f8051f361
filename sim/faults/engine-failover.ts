import { atNode } from './definition.ts';

export const engineFailover = atNode({
  kind: 'engine_failover',
  family: 'engine',
  text: 'its primary is lost with all connections, and the standby goes on with what it has; what was on its way may still come there. Where answers do not wait for the standby, what was answered is lost with it',
  parameters: {},
  draw: () => ({}),
  inject: ({ engine }) => engine?.failOver(),
});
