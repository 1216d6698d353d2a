// Memory that is used again by whoever builds one small thing after the other.

/** What is larger gets memory of its own. */
const SCRATCH_BYTES = 64 * 1024;

/** Scratch memory of one thread; made when it is first wanted. */
export class Scratch {
  #bytes: Uint8Array | undefined;

  /** So many bytes, with anything in them: good until the next call. */
  take(bytes: number): Uint8Array {
    if (bytes > SCRATCH_BYTES) return new Uint8Array(bytes);
    this.#bytes ??= new Uint8Array(SCRATCH_BYTES);
    return this.#bytes.subarray(0, bytes);
  }
}
