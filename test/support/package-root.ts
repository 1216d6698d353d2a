// Where the package is. Tests run compiled, from dist/test/..., but some of them read what is not compiled: sources,
// documents, fixtures.

import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The folder of package.json; this file is compiled to dist/test/support/. */
export const PACKAGE_ROOT = new URL('../../../', import.meta.url);

/** The text of a file of the package; `path` is relative to its root. */
export function readPackageFile(path: string): string {
  return readFileSync(new URL(path, PACKAGE_ROOT), 'utf8');
}

/** One TypeScript source. */
export interface Source {
  /** From the package root, with forward slashes: `src/base/errors.ts`. */
  readonly path: string;
  readonly text: string;
}

/** All `.ts` files below the given top-level folders; a folder that does not exist yet has none. */
export function readSources(...folders: string[]): Source[] {
  return folders.flatMap((folder) => {
    const url = new URL(`${folder}/`, PACKAGE_ROOT);
    if (!existsSync(url)) return [];
    return readdirSync(url, { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.ts') && !path.includes('/node_modules/'))
      .sort()
      .map((path) => ({ path, text: readPackageFile(path) }));
  });
}
