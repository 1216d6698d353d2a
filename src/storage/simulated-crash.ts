// What a crash of a simulated disk can leave: the death of the process, which keeps the cache, or a power cut, which
// keeps what was synced and any part of the rest (A3, A4). Not here: how one file comes out (simulated-image.ts).

import { createHash } from 'node:crypto';
import type { SimulatedDirectory } from './simulated-directory.js';
import { FileImage, type FileState } from './simulated-image.js';
import { Inode, isOptional, type NameChange, namesOf } from './simulated-inode.js';

/** A directory at some instant; undefined when there is none. */
export interface DiskContents {
  readonly syncedNames: ReadonlyMap<string, Inode>;
  readonly changes: readonly NameChange[];
  /** Whether the directory's own entry is durable. */
  readonly isEntrySynced: boolean;
}

/** One state that a power cut can leave. */
export interface CrashState {
  /** What was lost or torn; empty when nothing was. `-` stands in front of an operation that was lost. */
  readonly label: string;
  /** The same for the same names and bytes. */
  readonly hash: string;
  /** A disk in that state, made anew by each call. */
  disk(): SimulatedDirectory;
}

/** How far {@link CrashPoint.states} goes. */
export interface CrashStateOptions {
  /** Of each unsynced write all subsets of its first so many sectors of 512 bytes are gone through; default 10. */
  readonly sectorsMax?: number | undefined;
}

type Names = ReadonlyMap<string, FileImage>;

/** An instant at which the power may fail or the process die. Later operations do not change it. */
export class CrashPoint {
  readonly #make: (left: DiskContents | undefined) => SimulatedDirectory;
  readonly #contents: DiskContents | undefined;
  /** Every file there is or was, as it is now. */
  readonly #images = new Map<Inode, FileImage>();

  /** @internal Made by `SimulatedDirectory.crashPoint`. */
  constructor(contents: DiskContents | undefined, make: (left: DiskContents | undefined) => SimulatedDirectory) {
    this.#make = make;
    this.#contents = contents;
    const inodes = [...(contents?.syncedNames.values() ?? []), ...(contents?.changes ?? []).map(({ inode }) => inode)];
    for (const inode of inodes) this.#images.set(inode, FileImage.of(inode));
  }

  /** The process died and nothing else happened: the next one finds the cache, and what was unsynced still is. */
  killed(): SimulatedDirectory {
    if (this.#contents === undefined) return this.#make(undefined);
    const { syncedNames, changes, isEntrySynced } = this.#contents;
    const copies = new Map<Inode, Inode>();
    for (const [inode, image] of this.#images) copies.set(inode, new Inode(image.base, image.changes));
    const copyOf = (inode: Inode): Inode => copies.get(inode) as Inode;
    return this.#make({
      syncedNames: new Map([...syncedNames].map(([name, inode]) => [name, copyOf(inode)])),
      changes: changes.map((change) => ({ ...change, inode: copyOf(change.inode) })),
      isEntrySynced,
    });
  }

  /** The power failed, and nothing that was not synced is there. */
  lost(): CrashState {
    if (this.#contents?.isEntrySynced !== true) return this.#missing();
    return this.#state('everything unsynced', this.#certainNames(), ({ lost }) => lost);
  }

  /** The power failed, and everything is there nevertheless. */
  kept(): CrashState {
    return this.#contents === undefined ? this.#missing() : this.#state('', this.#allNames(), ({ kept }) => kept);
  }

  /** A state at random; the same for the same numbers. */
  random(random: () => number): CrashState {
    if (this.#contents === undefined) return this.#missing();
    if (!this.#contents.isEntrySynced && random() < 0.1) return this.#missing();
    const lost = this.#contents.changes.filter((change) => isOptional(change) && random() < 0.5);
    return this.#state(labelOf(lost), this.#namesWithout(lost), (image) => image.random(random));
  }

  /**
   * The states that a power cut can leave, each once: every subset of the unsynced changes of names and bytes; and for
   * each unsynced write alone every tearing, with everything else there and with everything else lost.
   *
   * Their number doubles with each unsynced change.
   */
  *states({ sectorsMax = 10 }: CrashStateOptions = {}): Generator<CrashState> {
    const seen = new Set<string>();
    for (const state of this.#allStates(sectorsMax)) {
      if (seen.has(state.hash)) continue;
      seen.add(state.hash);
      yield state;
    }
  }

  *#allStates(sectorsMax: number): Generator<CrashState> {
    if (this.#contents?.isEntrySynced !== true) yield this.#missing();
    if (this.#contents === undefined) return;
    const optional = this.#contents.changes.filter(isOptional);
    for (let mask = 2 ** optional.length - 1; mask >= 0; mask -= 1) {
      const lost = optional.filter((_, index) => (mask & (1 << index)) === 0);
      const names = this.#namesWithout(lost);
      for (const choice of choices([...new Set(names.values())])) {
        yield this.#state(labelOf(lost), names, (image) => choice.get(image) as FileState);
      }
    }
    for (const others of ['kept', 'lost'] as const) {
      const names = others === 'kept' ? this.#allNames() : this.#certainNames();
      for (const image of new Set(names.values())) {
        for (const torn of image.torn(others, sectorsMax)) {
          const stateOf = (one: FileImage): FileState => (one === image ? torn : one[others]);
          yield this.#state(`others ${others}`, names, stateOf);
        }
      }
    }
  }

  #allNames(): Names {
    return this.#namesWithout([]);
  }

  #certainNames(): Names {
    return this.#namesWithout(this.#contents?.changes.filter(isOptional) ?? []);
  }

  #namesWithout(lost: readonly NameChange[]): Names {
    const { syncedNames = new Map(), changes = [] } = this.#contents ?? {};
    const names = namesOf(
      syncedNames,
      changes.filter((change) => !lost.includes(change)),
    );
    return new Map([...names].map(([name, inode]) => [name, this.#images.get(inode) as FileImage]));
  }

  #state(label: string, names: Names, stateOf: (image: FileImage) => FileState): CrashState {
    const states = new Map([...new Set(names.values())].map((image) => [image, stateOf(image)]));
    const hash = createHash('sha1');
    const labels = label === '' ? [] : [label];
    for (const [name, image] of [...names].sort(([one], [other]) => (one < other ? -1 : 1))) {
      const state = states.get(image) as FileState;
      hash.update(`${name}\0${state.hash}\0`);
      if (state.label !== '') labels.push(`${name}: ${state.label}`);
    }
    const disk = (): SimulatedDirectory => {
      const inodes = new Map([...states].map(([image, state]) => [image, new Inode(state.bytes())]));
      const syncedNames = new Map([...names].map(([name, image]) => [name, inodes.get(image) as Inode]));
      return this.#make({ syncedNames, changes: [], isEntrySynced: true });
    };
    return { label: labels.join('; '), hash: hash.digest('base64'), disk };
  }

  #missing(): CrashState {
    return { label: 'the directory is missing', hash: '', disk: () => this.#make(undefined) };
  }
}

function labelOf(lost: readonly NameChange[]): string {
  return lost.map(({ kind, name }) => `-${kind} ${name}`).join(', ');
}

/** Every way to take one whole state of each file. */
function* choices(images: readonly FileImage[]): Generator<ReadonlyMap<FileImage, FileState>> {
  const [image, ...rest] = images;
  if (image === undefined) {
    yield new Map();
    return;
  }
  for (const others of choices(rest)) for (const state of image.whole()) yield new Map([...others, [image, state]]);
}
