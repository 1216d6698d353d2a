// What the 32 bits of a latch mean: 0 free; the sign bit and a session, held exclusively by that one; else one bit for
// each session that shares it. So the word alone says who holds it, and a dead session leaves nothing that cannot be
// found by looking (design/page-cache.md, "Latches").

/** Sessions, and so threads, that can use one cache at a time. They are numbered from 0. */
export const SESSIONS_MAX = 31;

export const FREE = 0;

const EXCLUSIVE = -(2 ** 31);

/** The bit with which a session shares. */
export function shareOf(session: number): number {
  return 1 << session;
}

/** The word of a latch that a session holds exclusively. */
export function exclusiveOf(session: number): number {
  return EXCLUSIVE + session;
}

export function isExclusive(word: number): boolean {
  return word < 0;
}

/** Sessions that hold a latch with this word, ascending. */
export function holdersOf(word: number): number[] {
  if (isExclusive(word)) return [word - EXCLUSIVE];
  return Array.from({ length: SESSIONS_MAX }, (_, session) => session).filter((each) => word & shareOf(each));
}
