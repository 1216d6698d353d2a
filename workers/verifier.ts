// Verifies batches of segments on a thread of the pool. No logic here: src/recovery/verify.ts has it.

import { runVerifier } from '../src/recovery/verify.js';

export default runVerifier;
