// Pages that hold a number, for tests of page stores.

/** The number in a page. */
export function numberIn(image: Uint8Array): number {
  return new DataView(image.buffer, image.byteOffset).getFloat64(0, true);
}

export function setNumber(image: Uint8Array, value: number): void {
  new DataView(image.buffer, image.byteOffset).setFloat64(0, value, true);
}
