import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARIES = '/usr/lib';

/** Of the package `faketime`; `undefined` if it is not installed. */
const library = readdirSync(LIBRARIES)
  .filter((name) => name.includes('-linux-'))
  .flatMap((name) => filesIn(join(LIBRARIES, name, 'faketime')))
  .find((path) => path.endsWith('/libfaketime.so.1'));

/** Whether this machine can give a process another clock. If it cannot, the tests are skipped. */
export const wrongClocksAvailable = library !== undefined;

const WRONG_CLOCK = { LD_PRELOAD: library!, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_RESET: '1' };

/** The variables of a process whose wall clock is ahead by this number of seconds. */
export function withClockAhead(seconds: number): Record<string, string> {
  return { ...WRONG_CLOCK, FAKETIME: `${seconds < 0 ? '' : '+'}${seconds}s` };
}

/** The variables of a process whose wall clock a file sets, for example to `+60s`, while the process runs. */
export function withSettableClock(file: string): Record<string, string> {
  return { ...WRONG_CLOCK, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1' };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}
