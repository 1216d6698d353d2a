// Memory that starts at a page of the processor, as direct I/O wants it. Nothing else in JavaScript promises an
// address; a WebAssembly memory is always mapped whole.

/** Not in the library that this package compiles against. */
declare const WebAssembly: { readonly Memory: new (bounds: { initial: number }) => { readonly buffer: ArrayBuffer } };

const WASM_PAGE_BYTES = 64 * 1024;

/** New memory of at least `bytes`, zeroed, aligned to 64 KiB. */
export function alignedMemory(bytes: number): Uint8Array {
  return new Uint8Array(new WebAssembly.Memory({ initial: Math.ceil(bytes / WASM_PAGE_BYTES) }).buffer);
}
