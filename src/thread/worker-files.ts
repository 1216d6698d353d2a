// The only file that knows where worker entry points are. Bundlers do not emit worker files, so a user of one can name
// the places with the `workerUrls` setting.

/** Our worker threads by name; each has an entry point in `workers/`. */
export type WorkerName = 'flusher' | 'preallocator' | 'verifier' | 'archiver' | 'checkpointer' | 'replayer';

/** Where entry points are, where they are not beside this package's own files. */
export type WorkerUrls = Partial<Record<WorkerName, string>>;

/** The entry point of a worker. */
export function workerUrl(name: WorkerName, overrides: WorkerUrls = {}): URL {
  const override = overrides[name];
  return override === undefined ? new URL(`../../workers/${name}.js`, import.meta.url) : new URL(override);
}
