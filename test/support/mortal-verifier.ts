// A verifier's thread that dies at a chosen moment.

import { runVerifier } from '../../src/recovery/verify.js';
import { makeMortal } from './mortal-thread.js';

makeMortal('verifier');
export default runVerifier;
