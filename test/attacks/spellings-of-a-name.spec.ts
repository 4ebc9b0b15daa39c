import { createConnection } from 'mysql2/promise';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import pg from 'pg';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { foldedNames } from '../../src/integrations/throttling/folded-name.js';
import { adapters, createAuthApp, HostUsers } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login } from '../support/http.js';

const mariadb = databaseNamed('mariadb');

/** Names that `utf8mb4_general_ci`, the default of MariaDB, takes for `alice`. */
const SPELLINGS = [
  ...['alice', 'ALICE', 'Alice', 'aLICE', 'alice ', 'alice   ', 'ALICE  '],
  ...['àlice', 'álice', 'âlice', 'ãlice', 'älice', 'ålice', 'ālice', 'ălice', 'ąlice', 'ǎlice', 'ạlice', 'ảlice'],
  ...['alìce', 'alíce', 'alîce', 'alïce', 'alĩce', 'alīce', 'alĭce', 'alịce', 'alÍce', 'alİce'],
  ...['aliçe', 'aliće', 'aliĉe', 'aliċe', 'aliče', 'ÁLIÇE'],
  ...['alicè', 'alicé', 'alicê', 'alicë', 'alicē', 'alicĕ', 'alicė', 'alicę', 'alicě', 'aĺice'],
];

/** Users in a table, looked up as most hosts do it. */
class TableUsers extends HostUsers {
  find = async (_username: string): Promise<boolean> => false;
  checked = 0;

  override validateCredentials = async (username: string, password: string) => {
    if (!(await this.find(username))) return null;
    this.checked++;
    return password === 'alice-password' ? this.users.get('alice')! : null;
  };
}

describe.skipIf(!mariadb.available).each(adapters)('spellings of a name, on %s', (adapter) => {
  // The database takes 45 spellings for one account, so each might bring its own guesses.
  it('share their guesses', async () => {
    const database = await mariadb.create();
    const users = new TableUsers();
    const app = await createAuthApp(adapter, database, {
      users,
      imports: [AuthThrottlingModule.forRoot({ loginFailures: 3 })],
    });
    onTestFinished(async () => {
      await app.close();
      await database.drop();
    });
    const { dataSource, url } = app;
    await dataSource.query('CREATE TABLE people (name varchar(255)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci');
    await dataSource.query("INSERT INTO people VALUES ('alice')");
    users.find = async (username) => {
      const rows: unknown[] = await dataSource.query('SELECT 1 FROM people WHERE name = ?', [username]);
      return rows.length > 0;
    };
    expect(await Promise.all(SPELLINGS.map((name) => users.find(name)))).toEqual(SPELLINGS.map(() => true));
    const answers = await Promise.all(
      SPELLINGS.map((username) => login(url, { username, password: 'guess', transport: 'body' })),
    );
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(3);
    expect(users.checked).toBe(3);
  });
});

const SCRIPTS = ['Latin', 'Greek', 'Cyrillic', 'Hebrew', 'Hiragana', 'Katakana'];
const LETTER = new RegExp(`[\\p{Nd}${SCRIPTS.map((script) => `\\p{Script=${script}}`).join('')}]`, 'u');
/** Letters of these scripts and all digits, with all their forms. */
const LETTERS = Array.from({ length: 0xfffe }, (_, point) => String.fromCodePoint(point)).filter(
  (character) => /[\p{L}\p{Nd}]/u.test(character) && LETTER.test(character),
);
/** Two phonetic letters, turned and not turned, and a lone iota subscript. */
const EXCEPTIONS = new Set(['ᵌ', 'ᵎ', 'ͺ']);

/** The groups of names that are equal for a database, as far as they are folded to more than one text. */
function apart(names: readonly { name: string; weight: string }[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const { name, weight } of names) groups.set(weight, [...(groups.get(weight) ?? []), name]);
  const equal = [...groups.values()].map((group) => group.filter((name) => !EXCEPTIONS.has(name)));
  return equal.filter((group) => new Set(group.map((name) => foldedNames(name)[0])).size > 1);
}

describe.skipIf(!mariadb.available)('letters that are equal', () => {
  it.each(['utf8mb4_general_ci', 'utf8mb4_unicode_ci', 'utf8mb4_unicode_520_ci', 'utf8mb4_uca1400_ai_ci'])(
    'by %s share the guesses at a name',
    async (collation) => {
      const connection = await createConnection(inject('mariadbUrl')!);
      onTestFinished(() => connection.end());
      await connection.query('SET NAMES utf8mb4');
      const [rows] = await connection.query(
        `SELECT letter AS name, hex(weight_string(letter COLLATE ${collation})) AS weight
         FROM json_table(?, '$[*]' COLUMNS (letter varchar(4) CHARACTER SET utf8mb4 PATH '$')) letters`,
        [JSON.stringify(LETTERS)],
      );
      expect(rows).toHaveLength(LETTERS.length);
      expect(apart(rows as { name: string; weight: string }[])).toEqual([]);
    },
  );

  it('by the functions of PostgreSQL share the guesses at a name', async () => {
    const client = new pg.Client({ connectionString: inject('postgresUrl') });
    await client.connect();
    onTestFinished(() => client.end());
    // `citext` compares `lower`; a nondeterministic collation of ICU may ignore case and accents.
    const select = (weight: string) =>
      client.query<{ name: string; weight: string }>(
        `SELECT name, ${weight} AS weight FROM unnest($1::text[]) name WHERE ${weight} IS NOT NULL`,
        [LETTERS],
      );
    const weights = ['lower(name)', 'upper(name)', 'lower(name COLLATE "und-x-icu")', 'normalize(lower(name), NFKC)'];
    for (const weight of weights) expect(apart((await select(weight)).rows)).toEqual([]);
  });

  it('by a collation that ignores case and accents share the guesses at a name', () => {
    const collator = new Intl.Collator('und', { sensitivity: 'base' });
    const sorted = LETTERS.toSorted(collator.compare);
    let weight = 0;
    const names = sorted.map((name, index) => {
      if (index > 0 && collator.compare(sorted[index - 1], name) !== 0) weight++;
      return { name, weight: String(weight) };
    });
    expect(apart(names)).toEqual([]);
  });
});

it.each([
  ['straße', 'STRASSE', 'strase'],
  ['ａｌｉｃｅ', 'ＡＬＩＣＥ', 'a\u200bl\u00adice', '\ufeffalice', 'al\u0000ice', 'a lice', 'ali\u0640ce'],
  ['łódź', 'Lodz'],
  ['ΟΔΟΣ', 'οδος', 'οδόσ'],
  ['æther', 'AETHER'],
  ['İstanbul', 'istanbul', 'ıstanbul', 'ISTANBUL'],
  ['user٣', 'user3', 'user３'],
  ['ﬁona', 'fiona'],
  ['😀', '😁', '\ud83d'],
  ['alice', '🅐lice', '🅰🅛🅘🅒🅔', '𝓪𝓵𝓲𝓬𝓮'],
  ['user1', 'user৴'],
  ['nils', 'niʪ'],
])('%j and what may be equal to it share their guesses', (name, ...others) => {
  expect(others.map((other) => foldedNames(other)[0])).toEqual(others.map(() => foldedNames(name)[0]));
});

it('different names do not', () => {
  const names = ['alice', 'alicia', 'bob', 'al-ice', 'alice1', 'alice2', 'алиса', 'アリス'];
  expect(new Set(names.flatMap(foldedNames)).size).toBe(names.length);
});

// Some collations know only 65,536 characters: for them, all others are one letter.
it('characters that only some collations know share the guesses in both ways', () => {
  const [known, unknown] = foldedNames('🅐lice');
  expect(foldedNames('alice')).toEqual([known]);
  expect(foldedNames('😀lice')).toContain(unknown);
});

// Normalizing takes a time that grows with the square of the marks on one letter.
it.each(adapters)('a name of many accents, on %s, holds up nobody', async (adapter) => {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    imports: [AuthThrottlingModule.forRoot()],
  });
  onTestFinished(() => app.close());
  const username = 'a' + '\u0301\u0316'.repeat(10_000);
  const normalize = vi.spyOn(String.prototype, 'normalize');
  onTestFinished(() => normalize.mockRestore());
  expect((await login(app.url, { username, password: 'guess' })).status).toBe(400);
  for (const text of normalize.mock.contexts) expect(String(text).length).toBeLessThanOrEqual(255);
});
