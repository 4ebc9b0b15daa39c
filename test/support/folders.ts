import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** A fresh folder, gone after the test. */
export function temporaryFolder(): string {
  const folder = create();
  onTestFinished(() => remove(folder));
  return folder;
}

/** One for all tests of a file, as the first start in a folder takes seconds. Each test leaves it closed. */
export function sharedFolder(): string {
  const folder = create();
  afterAll(() => remove(folder));
  return folder;
}

const create = () => mkdtempSync(join(tmpdir(), 'pglite-'));
const remove = (folder: string) => rmSync(folder, { recursive: true, force: true });
