// Names in a log directory: what is built is parsed, and nothing else is.

import { expect, test } from 'vitest';
import { logFileName, parseLogFileName, parseSpareFileName, spareFileName } from '../../../src/log/names.js';

test('F32: exactly what is built as a name is taken for one', () => {
  for (const number of [1, 9, 255, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const name = logFileName(number);
    expect(parseLogFileName(name)).toBe(number);
    const others = [
      `x${name}`,
      `${name}x`,
      `${name}.new`,
      `${name}.damaged-00000002`,
      `0${name}`,
      `a/${name}`,
      `${name}\n`,
    ];
    for (const other of others) expect(parseLogFileName(other), JSON.stringify(other)).toBeUndefined();
  }
  for (const odd of ['0000000000000000.wal', 'ffffffffffffffff.wal', '000000000000000A.wal', '1.wal', 'lock', '.wal']) {
    expect(parseLogFileName(odd), odd).toBeUndefined();
  }
  for (const index of [0, 10, 0xffff]) {
    const name = spareFileName(index);
    expect(parseSpareFileName(name)).toBe(index);
    for (const other of [`x${name}`, `${name}.new`, `${name}x`]) expect(parseSpareFileName(other)).toBeUndefined();
  }
});
