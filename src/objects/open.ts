import type { ObjectsOf } from '../ports/payload-store.ts';
import { Bucket } from './bucket.ts';
import { ObjectPayloads } from './object-payloads.ts';

/** The payloads of a data directory in a bucket, by real time. `onTrouble`: see `ObjectPayloadsOptions`. */
export const openObjects = (
  { place, folder }: ObjectsOf,
  onTrouble: (reason: string | null) => void = () => {},
): ObjectPayloads =>
  new ObjectPayloads({
    ...{ bucket: new Bucket(place), folder, onTrouble },
    nowMs: () => performance.now(),
    after: (ms, run) => void setTimeout(run, ms),
  });
