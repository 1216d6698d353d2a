// Mutants of logs of entries, of logical records and of durable maps.

import type { Mutant } from '../support/mutation.js';

const LOG_TEST = 'test/unit/typed/typed-log.test.ts';
const STATE_TEST = 'test/unit/typed/saved-state.test.ts';
const PLACES_TEST = 'test/unit/typed/places.test.ts';
const CLOSED_TEST = 'test/unit/typed/replay.test.ts';
const CONTRACT_TEST = 'test/contract/directory.test.ts';
const CODEC_TEST = 'test/unit/kv/codec.test.ts';
const REPLAY_TEST = 'test/unit/kv/replay.test.ts';
const MAP_TEST = 'test/threads/durable-map.test.ts';

export const TYPED_MUTANTS: readonly Mutant[] = [
  {
    name: 'operations of other spaces count as entries',
    file: 'src/typed/entry-index.ts',
    find: ` && space === 0 && number === ENTRY_CODE;`,
    replace: ` && space >= 0 && number === ENTRY_CODE;`,
    killedBy: { file: LOG_TEST, title: 'count entries from 1, over batches, other commits and openings' },
  },
  {
    name: 'a mark counts from one entry further',
    file: 'src/typed/entry-index.ts',
    find: `const base = mark.throughId - this.#segments.countAt(this.#segments.rowCount - 1);`,
    replace: `const base = mark.throughId - this.#segments.countAt(this.#segments.rowCount - 1) + 1;`,
    killedBy: {
      file: LOG_TEST,
      title: 'go on behind what is truncated, also when nothing else is left, through openings',
    },
  },
  {
    name: 'reading begins behind the first entry that is wanted',
    file: 'src/typed/entries.ts',
    find: `      if (id < first) continue;`,
    replace: `      if (id <= first) continue;`,
    killedBy: { file: LOG_TEST, title: 'from an id, with a limit' },
  },
  {
    name: 'an append under the policy append asks for nothing',
    file: 'src/typed/flush-policy.ts',
    find: `return { settings: { ticker: false }, every: 1 };`,
    replace: `return { settings: { ticker: false }, every: 1e9 };`,
    killedBy: { file: LOG_TEST, title: 'append: entries become durable without anybody waiting' },
  },
  {
    name: 'the log lets go of what only the newer state holds',
    file: 'src/typed/typed-log.ts',
    find: `const bothHold = Math.min(before?.lastId ?? 0, lastId) + 1;`,
    replace: `const bothHold = Math.max(before?.lastId ?? 0, lastId) + 1;`,
    killedBy: { file: STATE_TEST, title: 'either may be damaged at any byte, or cut anywhere, and the other counts' },
  },
  {
    name: 'the checksum of a saved state leaves out the state',
    file: 'src/typed/state-file.ts',
    find: `return crc32c(state, crc32c(`,
    replace: `return crc32c(state.subarray(0, 0), crc32c(`,
    killedBy: { file: STATE_TEST, title: 'either may be damaged at any byte, or cut anywhere, and the other counts' },
  },
  {
    name: 'a segment seems to begin with the entry in front of it',
    file: 'src/typed/entry-index.ts',
    find: `firstId: base + countBefore + 1, lastId`,
    replace: `firstId: base + countBefore, lastId`,
    killedBy: { file: PLACES_TEST, title: 'gives what forward gives, turned round, and ids give the same again' },
  },
  {
    name: 'reading backward keeps only what is behind its beginning',
    file: 'src/typed/placed-entries.ts',
    find: `index.placeBefore(firstId).seq`,
    replace: `index.placeBefore(from).seq`,
    killedBy: { file: PLACES_TEST, title: 'keeps what is still to be read, until its reader leaves' },
  },
  {
    name: 'a mark makes a log file old',
    file: 'src/flusher/file-age.ts',
    find: `if (endSeq === this.#endSeq) return;`,
    replace: `if (endSeq < 0) return;`,
    killedBy: { file: PLACES_TEST, title: 'are left when they are old, and never for a mark or an empty file' },
  },
  {
    name: 'a replay goes on counting ids behind damage',
    file: 'src/typed/replay.ts',
    find: `if (seq > this.#provenSeq) this.#idBefore = null;`,
    replace: `if (seq > Number.MAX_SAFE_INTEGER) this.#idBefore = null;`,
    killedBy: {
      file: CLOSED_TEST,
      title: 'that is damaged in the middle is refused, ends there, or goes on behind it, and says so',
    },
  },
  {
    name: 'a size that is set is not synced where writes are',
    file: 'src/storage/node-directory.ts',
    find: `return this.#syncMethod === 'dsync' && !this.#isSyncNeeded;`,
    replace: `return this.#syncMethod === 'dsync';`,
    killedBy: { file: CONTRACT_TEST, title: 'R7: dsync makes every write durable in its own way' },
  },
  {
    name: 'memory pretends to be synced without being asked',
    file: 'src/storage/memory-directory.ts',
    find: `if (!this.pretendSync)`,
    replace: `if (this.pretendSync === undefined)`,
    killedBy: { file: CONTRACT_TEST, title: 'contract: refuses every sync, because it would prove nothing' },
  },
  {
    name: 'bytes behind a logical record are passed over',
    file: 'src/kv/codec.ts',
    find: `if (reader.offset < bytes.length) throw`,
    replace: `if (reader.offset > bytes.length) throw`,
    killedBy: { file: CODEC_TEST, title: 'is refused when it is cut at any byte, and with bytes left over' },
  },
  {
    name: 'an aborted transaction takes effect',
    file: 'src/kv/replay.ts',
    find: `if (this.#pending.delete(record.txnId)) this.#aborted += 1;`,
    replace: `if (this.#pending.has(record.txnId)) this.#commit(record.txnId);`,
    killedBy: { file: REPLAY_TEST, title: 'take effect where they commit, and only then' },
  },
  {
    name: 'a lower generation counts when it comes later',
    file: 'src/kv/replay.ts',
    find: `held.generation > generation || isBehind`,
    replace: `isBehind`,
    killedBy: { file: REPLAY_TEST, title: 'the highest generation of a key counts, wherever records and ranks stand' },
  },
  {
    name: 'a swap does not look at what is there',
    file: 'src/kv/map-state.ts',
    find: `return isEqual(present, expected) ? `,
    replace: `return isEqual(present, expected) || true ? `,
    killedBy: {
      file: MAP_TEST,
      title: 'what is set, removed, added and swapped is there when the map is opened again',
    },
  },
];
