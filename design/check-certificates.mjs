// Checks the certificates of log files by design/format.md alone, without this package (design/certificates.md):
// `node check-certificates.mjs app.db-wal/*.wal` prints a line for each; ends with 1 if nothing proves a synced epoch.
import { readFileSync } from 'node:fs';

const step = (word) => (word & 1 ? (word >>> 1) ^ 0x82f63b78 : word >>> 1);
const table = Int32Array.from({ length: 256 }, (_, byte) =>
  Array(8)
    .fill(step)
    .reduce((word, next) => next(word), byte),
);
const crc = (bytes, seed = 0) => ~bytes.reduce((word, byte) => table[(word ^ byte) & 255] ^ (word >>> 8), ~seed) >>> 0;
const u32 = (bytes, at) => bytes.readUInt32LE(at);
const u64 = (bytes, at) => Number(bytes.readBigUInt64LE(at));
const check = (holds, otherwise) => {
  if (!holds) throw new Error(otherwise);
};

/** Throws what a segment's certificate does not prove, or says what it does. */
function prove(segment, seed) {
  const certificate = segment.subarray(128 + u64(segment, 72));
  const [frames, voids, lanes, sizes] = [32, 36, 40, 44].map((at) => u32(certificate, at));
  const [firstSeq, endSeq] = [u64(segment, 32), u64(segment, 40)];
  check(crc(certificate.subarray(0, -4)) === u32(certificate, certificate.length - 4), 'the certificate is damaged');
  check(certificate.toString('latin1', 0, 6) === 'CERT\x01\0' && certificate[6] < 2 && certificate[7] === 0, 'version');
  check(certificate.subarray(8, 32).equals(segment.subarray(24, 48)), 'header and certificate disagree');
  check(frames + voids === endSeq - firstSeq, 'a commit is missing');
  const [seen, sizeOf] = [new Set(), new Map()];
  const see = (seq) =>
    check(seq >= firstSeq && seq < endSeq && seen.size < seen.add(seq).size, `commit ${seq} is wrong`);
  for (let index = 0; index < voids; index += 1) see(u64(certificate, 64 + 8 * index));
  let [at, digest, pages, list] = [128, 0, 0, 64 + 8 * voids];
  for (const end = list + 16 * lanes; list < end; list += 16) {
    for (let count = u32(certificate, list + 4); count > 0; count -= 1) {
      const frame = segment.subarray(at, at + u32(segment, at));
      check(crc(frame.subarray(0, 60), seed) === u32(frame, 60), 'the header of a frame is damaged');
      check(crc(frame.subarray(64)) === u32(frame, 56), 'a frame is damaged');
      check(u32(frame, 52) === u32(certificate, list), 'a frame is of another lane');
      const seq = u64(frame, 8);
      see(seq);
      for (let record = 64; record < 64 + 24 * u32(frame, 48); record += 24) {
        const [space, size] = [u32(frame, record + 4), u64(frame, record + 8)];
        if (!(sizeOf.get(space)?.seq > seq)) sizeOf.set(space, { seq, size });
      }
      [at, digest, pages] = [at + frame.length, crc(frame.subarray(60, 64), digest), pages + u32(frame, 44)];
    }
  }
  check(at === 128 + u64(segment, 72) && seen.size === endSeq - firstSeq, 'the frames are not those of the epoch');
  check(digest === u32(certificate, 56) && pages === u64(certificate, 48), 'frames and certificate disagree');
  check(sizes === sizeOf.size, 'a size is not listed');
  for (const end = list + 16 * sizes; list < end; list += 16) {
    check(sizeOf.get(u32(certificate, list))?.size === u64(certificate, list + 8), 'a size is wrong');
  }
  return `commits ${firstSeq} to ${endSeq - 1}: ${frames} frames in ${lanes} lanes, ${voids} voids, ${pages} pages`;
}

const proven = new Set();
let [first, synced] = [Number.POSITIVE_INFINITY, 0];
for (const path of process.argv.slice(2)) {
  const file = readFileSync(path);
  if (
    file.length < 4096 ||
    file.toString('latin1', 0, 8) !== 'LWALFILE' ||
    crc(file.subarray(0, 124)) !== u32(file, 124)
  ) {
    process.stdout.write(`${path} has no header\n`);
    continue;
  }
  const home = Buffer.concat([file.subarray(16, 24), file.subarray(12, 16)]);
  [first, synced] = [Math.min(first, u64(file, 40) + 1), Math.max(synced, u64(file, 64))];
  for (let at = 4096, bytes = 4096; at + 4096 <= file.length; at += bytes) {
    bytes = 4096;
    const header = file.subarray(at, at + 128);
    // What is no header, or one of another life of this file, is not ours.
    if (header.toString('latin1', 0, 4) !== 'PWAL' || crc(header.subarray(0, 124)) !== u32(header, 124)) continue;
    if (!header.subarray(8, 20).equals(home) || u64(header, 48) !== u64(file, 24) || u64(header, 56) !== at) continue;
    const [kind, epoch] = [header.readUInt16LE(6), u64(header, 24)];
    try {
      const segment = file.subarray(at, at + u64(header, 64));
      const told = prove(segment, crc(home));
      if (kind === 1) proven.add(epoch);
      [bytes, synced] = [segment.length, Math.max(synced, u64(header, 96))];
      process.stdout.write(
        `${path} at ${at}: ${kind === 1 ? `epoch ${epoch}, ${told}` : `a mark behind epoch ${epoch}`}\n`,
      );
    } catch (error) {
      process.stdout.write(`${path} at ${at}: epoch ${epoch} is not proven: ${error.message}\n`);
    }
  }
}
const missing = [];
for (let epoch = first; epoch <= synced; epoch += 1) if (!proven.has(epoch)) missing.push(epoch);
process.stdout.write(`${proven.size} epochs proven; synced and not proven: ${missing.join(', ') || 'none'}\n`);
process.exitCode = missing.length === 0 ? 0 : 1;
