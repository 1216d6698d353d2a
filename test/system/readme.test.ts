// Goal: the page store example of the README does what it says. Method: its files are written out as they stand there,
// into a folder in which the package is installed, and run.

import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openPageStore } from '../../src/index.js';
import { PACKAGE_ROOT, readPackageFile } from '../support/package-root.js';
import { inTemporaryDirectory } from '../support/temporary-path.js';

/** The JavaScript blocks of a section, by the name in their first line. */
function filesOf(section: string): Map<string, string> {
  const text = readPackageFile('README.md').split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  const blocks = [...text.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)];
  return new Map(blocks.map(([, name = '', code = '']) => [name, code]));
}

test('the example of a page store runs, and prints what it says', () =>
  inTemporaryDirectory(async (folder) => {
    mkdirSync(`${folder}/node_modules`);
    symlinkSync(fileURLToPath(PACKAGE_ROOT), `${folder}/node_modules/lanewal`);
    const files = filesOf('A page store');
    expect([...files.keys()]).toEqual(['store.mjs', 'store-worker.mjs']);
    for (const [name, code] of files) writeFileSync(`${folder}/${name}`, code);
    mkdirSync(`${folder}/data`);
    const { status, stdout, stderr } = spawnSync(process.execPath, ['store.mjs'], { cwd: folder, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '90 110\n', stderr: '' });
    const copy = await openPageStore(`${folder}/data/copy.db`, { readOnly: true });
    expect([copy.read(1)[0], copy.read(2)[0], copy.read(1)[1]]).toEqual([90, 110, 100]);
    await copy.close();
    const opened = await openPageStore(`${folder}/data/copy.db`);
    await opened.transaction((transaction) => transaction.edit(1).fill(1));
    await opened.close();
  }));
