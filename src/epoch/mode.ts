// The modes of an open log, as they stand in shared memory. design/modes.md says what each is for,
// design/concurrency.md, "Mode switch", why changing it loses nothing.

import type { Mode } from '../settings.js';

/** Codes of the modes; zero means "never written". */
export const MODE = { auto: 1, conservative: 2 } as const satisfies Record<Mode, number>;

/** The mode of a code. */
export function modeOf(code: number): Mode {
  return (Object.keys(MODE) as Mode[]).find((mode) => MODE[mode] === code) as Mode;
}
