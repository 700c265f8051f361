import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

const pool = new Uint32Array(1024);
let used = pool.length;
const generator = new V7Generator({
  nextUint32: () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++] as number;
  },
});

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** A fresh correlation id (R2). */
export const freshCorrId = (): string => generator.generate().toString();

export const isCorrId = (text: string): boolean => text.length === 36 && UUID_V7.test(text);
