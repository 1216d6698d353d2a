// Builds SQLite logs byte by byte for tests, from the written description alone and with nothing taken from the reader
// under test: the checksum here is the slow and obvious one.

/** One frame to be written; `commit` is the marker, 0 or left out on all but the last frame of a transaction. */
export interface FrameSpec {
  readonly page: number;
  readonly commit?: number;
  /** Every byte of the image; random bytes are not needed to tell frames apart. */
  readonly fill?: number;
  /** Salts of its own: what an earlier generation of the file left behind. */
  readonly salts?: readonly [number, number];
}

/** What the header says. */
export interface LogSpec {
  readonly pageBytes: number;
  readonly bigEndian?: boolean;
  readonly version?: number;
  readonly magic?: number;
  /** The page size field as stored, where it is not `pageBytes`. */
  readonly pageBytesField?: number;
}

const SALTS = [0xdeadbeef, 0x00c0ffee] as const;

/** Where frame `index` starts. */
export function frameOffset(pageBytes: number, index: number): number {
  return 32 + index * (24 + pageBytes);
}

/** A whole log whose header and frames are valid, except for what the frames' own salts break. */
export function buildLog(spec: LogSpec, frames: readonly FrameSpec[]): Uint8Array {
  const { pageBytes, bigEndian = false } = spec;
  const bytes = new Uint8Array(frameOffset(pageBytes, frames.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, spec.magic ?? (bigEndian ? 0x377f0683 : 0x377f0682));
  view.setUint32(4, spec.version ?? 3007000);
  view.setUint32(8, spec.pageBytesField ?? pageBytes);
  view.setUint32(12, 7);
  view.setUint32(16, SALTS[0]);
  view.setUint32(20, SALTS[1]);
  let sums = checksum(bytes.subarray(0, 24), [0, 0], bigEndian);
  view.setUint32(24, sums[0]);
  view.setUint32(28, sums[1]);
  frames.forEach(({ page, commit = 0, fill = 0, salts = SALTS }, index) => {
    const start = frameOffset(pageBytes, index);
    bytes.fill(fill, start + 24, start + 24 + pageBytes);
    view.setUint32(start, page);
    view.setUint32(start + 4, commit);
    view.setUint32(start + 8, salts[0]);
    view.setUint32(start + 12, salts[1]);
    sums = checksum(bytes.subarray(start, start + 8), sums, bigEndian);
    sums = checksum(bytes.subarray(start + 24, start + 24 + pageBytes), sums, bigEndian);
    view.setUint32(start + 16, sums[0]);
    view.setUint32(start + 20, sums[1]);
  });
  return bytes;
}

type Sums = readonly [number, number];

function checksum(bytes: Uint8Array, before: Sums, bigEndian: boolean): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [sum0, sum1] = before;
  for (let offset = 0; offset < bytes.length; offset += 8) {
    sum0 = (sum0 + view.getUint32(offset, !bigEndian) + sum1) % 2 ** 32;
    sum1 = (sum1 + view.getUint32(offset + 4, !bigEndian) + sum0) % 2 ** 32;
  }
  return [sum0, sum1];
}
