/** What a mutant is bundled from: the drivers, with the code under them. */
import type { Driver } from '../../src/model/explore.ts';
import { type Model, subjectOf } from '../../src/model/models.ts';

export { machineDifference } from './machine-walk.ts';
export const driverOf = (model: Model): Driver<unknown> => subjectOf(model).driver();
