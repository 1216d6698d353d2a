// A pin on everything that is still in the log.

import { WalError } from '../base/errors.js';
import type { Pin, Pins } from '../epoch/pins.js';

/**
 * Keeps all that has not been released.
 *
 * @throws {WalError} ERR_WAL_EXHAUSTED
 */
export function pinOldest(pins: Pins, writerId: number): Pin {
  for (;;) {
    try {
      return pins.take('reader', pins.releasedSeq, writerId);
    } catch (thrown) {
      // The horizon moved between the look at it and the pin.
      if (!(thrown instanceof WalError && thrown.code === 'ERR_WAL_OVERTAKEN')) throw thrown;
    }
  }
}
