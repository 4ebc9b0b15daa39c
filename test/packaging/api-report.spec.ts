import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as main from 'nestjs-refresh-token';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REPORTS, writeReports } from '../../scripts/api-report.js';
import { root } from '../support/root.js';

const DOORS = {
  main: 'src/auth/index.ts',
  binding: 'src/auth/binding/index.ts',
  risk: 'src/auth/risk/index.ts',
  sockets: 'src/auth/sockets/index.ts',
  typeorm: 'src/auth/typeorm.ts',
};

/** The single words that an application gets from the main door. Any other could mean anything in the host's own code. */
const SINGLE_WORDS = ['Clock', 'Permissions', 'Public', 'Roles', 'Scopes'];

/** What a door exports, types too. */
async function namesOf(door: keyof typeof DOORS): Promise<string[]> {
  const source = ts.createSourceFile(door, await readFile(join(root, DOORS[door]), 'utf8'), ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    const clause = ts.isExportDeclaration(statement) ? statement.exportClause : undefined;
    if (!clause || !ts.isNamedExports(clause)) throw new Error(`${DOORS[door]} must export by name, and nothing else.`);
    return clause.elements.map(({ name }) => name.text);
  });
}

async function reportsIn(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return Object.fromEntries(names.map((name, index) => [name, texts[index]]));
}

describe('the public API', () => {
  let fresh: string;
  beforeAll(async () => {
    fresh = await mkdtemp(join(tmpdir(), 'api-'));
    await writeReports(fresh);
  });
  afterAll(() => rm(fresh, { recursive: true }));

  test('is what the reports say', async () => {
    const stale = `The public API differs from the reports in ${REPORTS}. If that is intended, renew them: npm run api`;
    expect(await reportsIn(join(root, REPORTS)), stale).toEqual(await reportsIn(fresh));
  });

  test('has a docstring for each name', async () => {
    for (const [name, report] of Object.entries(await reportsIn(fresh))) {
      expect(report.match(/@public \(undocumented\)\n.*/g) ?? [], name).toEqual([]);
    }
  });

  test('has a main door that is read in a minute: at most 90 names, at most 50 of them values', async () => {
    expect((await namesOf('main')).length).toBeLessThanOrEqual(90);
    expect(Object.keys(main).length).toBeLessThanOrEqual(50);
  });

  test('takes no common word in the main door', async () => {
    const words = (await namesOf('main')).filter((name) => /^[A-Za-z][a-z]*$/.test(name));
    expect(words.sort()).toEqual(SINGLE_WORDS);
  });

  test('exports each name by one door', async () => {
    const names = (await Promise.all((Object.keys(DOORS) as (keyof typeof DOORS)[]).map(namesOf))).flat();
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
