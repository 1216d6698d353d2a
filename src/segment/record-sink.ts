// What verifying a segment tells of its records without handing out their bytes.

import type { RecordShape } from '../record/codec.js';

/** Is told what a segment holds while it is verified, lane by lane. Nothing of it counts until all of it is. */
export interface RecordSink {
  /** The frame of a commit is whole; its records were told before. */
  commit(seq: number): void;
  /** A page or a size; `bytesAt` is where in the file an image starts. */
  record(seq: number, shape: RecordShape, bytesAt: number): void;
}
