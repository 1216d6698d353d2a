// The modes of an open log and the reasons to leave the parallel one, as they stand in shared memory. design/modes.md
// says what each is for, design/concurrency.md, "Mode switch", why changing it loses nothing.

import type { Mode } from '../settings.js';

/** Codes of the modes; zero means "never written". */
export const MODE = { auto: 1, conservative: 2, shadow_compare: 3 } as const satisfies Record<Mode, number>;

/** The mode of a code. */
export function modeOf(code: number): Mode {
  return (Object.keys(MODE) as Mode[]).find((mode) => MODE[mode] === code) as Mode;
}

/** Why a log is conservative; its code in shared memory is its place, so that zero is none. */
export const FALLBACKS = [
  'none',
  'operator_forced',
  'lane_overflow',
  'certificate_gap',
  'certificate_checksum_mismatch',
  'publication_mismatch',
  'recovery_gap',
  'checkpoint_conflict',
  'controller_evidence_lost',
] as const;
export type Fallback = (typeof FALLBACKS)[number];
export type FallbackReason = Exclude<Fallback, 'none'>;
