import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { foldedNames } from '../../src/integrations/throttling/folded-name.js';
import { databaseNamed } from '../support/databases.js';

/** All that is assigned, without Chinese characters beyond the first 65,536, private ones and surrogates. */
const CHARACTERS = [...rangeOf(1, 0xd7ff), ...rangeOf(0xf900, 0x1ffff), ...rangeOf(0xe0000, 0xe01ef)];
const MARIADB = ['utf8mb4_general_ci', 'utf8mb4_unicode_ci', 'utf8mb4_unicode_520_ci', 'utf8mb4_uca1400_ai_ci'];
/** PostgreSQL's manual shows the second for names that ignore case. */
const ICU = ['und-u-ks-level1', 'und-u-ks-level2'];

function rangeOf(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));
}

/** Those with which a name that the database takes for `ab` would get guesses of its own. */
const countedApart = (ignored: readonly string[]) =>
  ignored
    .filter((character) => !foldedNames(`a${character}b`).includes('ab'))
    .map((character) => `U+${character.codePointAt(0)!.toString(16)}`);

// A character that the database ignores can stand anywhere in a name, any number of times.
describe.skipIf(!databaseNamed('mariadb').available)('characters that MariaDB ignores', () => {
  it.each(MARIADB)('by %s bring no more guesses', async (collation) => {
    const connection = await createConnection(inject('mariadbUrl')!);
    onTestFinished(() => connection.end());
    await connection.query('SET NAMES utf8mb4');
    const ignored: string[] = [];
    for (let start = 0; start < CHARACTERS.length; start += 20_000) {
      const [rows] = await connection.query(
        `SELECT letter FROM json_table(?, '$[*]' COLUMNS (letter varchar(4) CHARACTER SET utf8mb4 PATH '$')) letters
         WHERE concat('a', letter, 'b') COLLATE ${collation} = 'ab'`,
        [JSON.stringify(CHARACTERS.slice(start, start + 20_000))],
      );
      ignored.push(...(rows as { letter: string }[]).map(({ letter }) => letter));
    }
    expect(countedApart(ignored)).toEqual([]);
  });
});

describe('characters that PostgreSQL ignores', () => {
  it.each(ICU)('by a collation of %s bring no more guesses', async (locale) => {
    const client = new pg.Client({ connectionString: inject('postgresUrl') });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(
      `CREATE COLLATION pg_temp.of_names (provider = icu, locale = '${locale}', deterministic = false)`,
    );
    const { rows } = await client.query<{ letter: string }>(
      `SELECT letter FROM unnest($1::text[]) letter WHERE ('a' || letter || 'b') COLLATE pg_temp.of_names = 'ab'`,
      [CHARACTERS],
    );
    expect(rows.length).toBeGreaterThan(500);
    expect(countedApart(rows.map(({ letter }) => letter))).toEqual([]);
  });
});

it('a name of the longest that a login takes is folded as a whole', () => {
  for (const ignored of ['\u2060', '\u{e0101}', '\u06de', '\u0301', '\u{1d165}'])
    expect(foldedNames(ignored.repeat(250) + 'alice')).toContain('alice');
});

it('longer names, which no account has, share their guesses', () => {
  const names = ['\u2060', '\u06de', 'x'].map((character) => character.repeat(600) + 'alice');
  expect(new Set(names.flatMap(foldedNames)).size).toBe(1);
});

it.each([
  ['ﬁona', 'fiona'],
  ['miỻer', 'miller'],
  ['ᵺor', 'thor'],
  ['bꝏk', 'book'],
  ['user㉋', 'user40'],
])('%s shares the guesses of %s', (name, other) => {
  expect(foldedNames(name)).toContain(foldedNames(other)[0]);
});
