import { KINDS } from './backends.ts';
import { conformanceOf } from './suite.ts';

conformanceOf(KINDS);
