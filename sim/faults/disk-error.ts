import { ERRORS_OF } from '../disk-trouble.ts';
import { atNode } from './definition.ts';
import { oneOf } from './parameters.ts';

export const diskError = atNode({
  kind: 'disk_error',
  family: 'disk',
  text: "the next write that must be durable fails: the `write` itself, or with `sync` only its way from the system's cache to the disk. The process answers 503, goes, and is started again",
  parameters: { of: oneOf(ERRORS_OF, 'write') },
  draw: (random) => ({ of: random.pick(ERRORS_OF) }),
  inject: ({ node }, { of }) => node.store.trouble.fail(of),
});
