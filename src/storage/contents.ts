// The bytes of a file that is in memory. Not here: names, handles, and what of them is on a disk.

/** First room a file gets; from there it doubles, so that appending stays linear. */
const ROOM_BYTES_MIN = 4096;

/** A file's bytes. Room beyond `bytes` is zero at all times, so that growing needs no clearing. */
export class Contents {
  bytes: number;
  #room: Uint8Array;

  /** @param initial - copied */
  constructor(initial: Uint8Array = new Uint8Array(0)) {
    this.bytes = initial.length;
    this.#room = initial.slice();
  }

  /** @returns how many bytes there were to read */
  read(target: Uint8Array, position: number): number {
    const found = this.#room.subarray(Math.min(position, this.bytes), Math.min(position + target.length, this.bytes));
    target.set(found);
    return found.length;
  }

  write(piece: Uint8Array, position: number): void {
    if (piece.length === 0) return;
    if (position + piece.length > this.bytes) this.resize(position + piece.length);
    this.#room.set(piece, position);
  }

  resize(bytes: number): void {
    if (bytes > this.#room.length) {
      const grown = new Uint8Array(Math.max(bytes, this.#room.length * 2, ROOM_BYTES_MIN));
      grown.set(this.#room);
      this.#room = grown;
    } else if (bytes < this.bytes) {
      this.#room.fill(0, bytes, this.bytes);
    }
    this.bytes = bytes;
  }

  /** A copy of all bytes. */
  copy(): Uint8Array {
    return this.#room.slice(0, this.bytes);
  }
}
