import type { AuthDatabase } from '../common/database/auth-database.js';
import { asText, databaseTime, equalAsBytes, greatest, inSeconds } from '../common/database/dialect.js';
import type { EntityClass } from '../common/database/entity-class.js';
import { ROWS_OF_SAMPLE } from './live-sessions.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';

/** The columns that say when, from where and with which client a session was last used. */
const SEEN = [
  'authTime',
  'lastUsedAt',
  'ip',
  'userAgent',
  'country',
  'asn',
  'location',
  'rateStartedAt',
  'rateCount',
  'fingerprint',
] as const satisfies readonly (keyof RefreshToken)[];

export type Seen = Pick<RefreshToken, (typeof SEEN)[number]>;

/** The columns that a repeated answer writes. The live token stays the same. */
const REPEATED = [
  'given',
  'windowGeneration',
  'windowStartedAt',
  'lateAnswersAt',
  'repeatedGeneration',
  'repeatedInARow',
  ...SEEN,
] as const satisfies readonly (keyof RefreshToken)[];

export type Repetition = Pick<RefreshToken, (typeof REPEATED)[number]>;

/** The columns that a rotation writes, besides the generation. */
const ROTATED = [
  'tokenHash',
  'keyId',
  'givenBefore',
  'clientNonceHash',
  ...REPEATED,
] as const satisfies readonly (keyof RefreshToken)[];

export type Rotation = Pick<RefreshToken, 'generation' | 'accessFloor' | (typeof ROTATED)[number]>;

type Column = keyof RefreshToken;

/** Timeout in milliseconds for the sample, which may read a block of the disk for each row. */
const LONGEST_COUNT = 60_000;

/** The statements of the table of sessions. */
export type RefreshTokenStatements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: AuthDatabase, entity: EntityClass<RefreshTokenColumns>) {
  const table = database.table(entity);
  const { column, columns } = table;
  const quoted = (name: string) => table.escape(name);
  const statement = (sql: string, timeout?: number) => database.statement(sql, timeout);
  const certain = (sql: string) => database.certainStatement(sql, table.name);
  const select = `SELECT ${columns.map((name) => `${column(name)} AS ${quoted(name)}`).join(', ')} FROM ${table.name}`;
  const set = (...names: Column[]) => table.assignments(...names).join(', ');
  const where = (...names: Column[]) => table.assignments(...names).join(' AND ');
  const now = databaseTime(database.dataSource);
  const stamp = `${column('floorRaisedAt')} = ${now}`;
  const raised = `${column('floorRaisedAt')} IS NOT NULL`;
  const raisedSince = `${column('floorRaisedAt')} > ${now} - :youngerThan`;
  // As text: a driver may read a sum as an inexact number.
  const total = (name: string) => asText(database.dataSource, `SUM(${name})`);
  const second = inSeconds(database.dataSource, column('floorRaisedAt'));
  const live = `${column('revokedAt')} IS NULL`;
  const ofPage = `${column('id')} > :after AND ${column('id')} <= :last`;
  const ofUser = where('userId') + (database.isMySql ? ` AND ${equalAsBytes(column('userId'), ':userId')}` : '');

  const changed = `${column('listsVersion')} = ${column('listsVersion')} + :step`;
  const asRead = `${where('id', 'generation', 'listsVersion', 'accessFloor')} AND ${live}`;
  const revoke = `${set('revokedAt', 'revokedReason', 'accessFloor')}, ${stamp}`;
  // Above every access token of the session, even if the database has lost generations or an earlier floor.
  const nextFloor = greatest(
    database.dataSource,
    `${column('generation')} + 1`,
    `${column('accessFloor')} + 1`,
    inSeconds(database.dataSource, now),
  );
  const findAll = `${select} WHERE ${column('id')} IN (:...ids)`;
  const floor = `${column('id')} AS ${quoted('id')}, ${column('accessFloor')} AS ${quoted('floor')}`;

  const digits = (from: number, length: number) => `SUBSTR(CAST(id AS CHAR(36)), ${from}, ${length})`;

  return {
    insert: statement(
      `INSERT INTO ${table.name} (${columns.map(column).join(', ')}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`,
    ),
    read: (record: Record<string, unknown>): RefreshToken => table.rows.read(record),
    findAll: statement(findAll),
    findAllCaughtUp: certain(findAll),
    rotate: statement(
      `UPDATE ${table.name} SET ${column('generation')} = :nextGeneration, ${changed}, ${set(...ROTATED)} WHERE ${asRead}`,
    ),
    adopt: statement(
      `UPDATE ${table.name} SET ${column('generation')} = :nextGeneration, ${column('accessFloor')} = :nextFloor, ` +
        `${stamp}, ${changed}, ${set(...ROTATED)} WHERE ${asRead}`,
    ),
    repeat: statement(`UPDATE ${table.name} SET ${changed}, ${set(...REPEATED)} WHERE ${asRead}`),
    postponeWindow: statement(
      `UPDATE ${table.name} SET ${changed}, ${set('windowGeneration', 'windowStartedAt')} ` +
        `WHERE ${where('id', 'generation')} AND ${column('windowStartedAt')} < :windowStartedAt`,
    ),
    revoke: statement(`UPDATE ${table.name} SET ${revoke} WHERE ${where('id')} AND ${live}`),
    revokeAllOfUser: certain(
      `UPDATE ${table.name} SET ${revoke} WHERE ${ofUser} AND ${live} AND ${column('id')} <> :exceptId`,
    ),
    raiseFloorsOfUser: certain(
      `UPDATE ${table.name} SET ${column('accessFloor')} = ${nextFloor}, ${stamp} WHERE ${ofUser} AND ${live}`,
    ),
    lastOfPage: certain(
      `SELECT ${quoted('last')} FROM (SELECT ${column('id')} AS ${quoted('last')} FROM ${table.name} ` +
        `WHERE ${column('id')} > :after AND ${column('id')} <= :end ORDER BY ${column('id')} LIMIT :size) part ` +
        `ORDER BY ${quoted('last')} DESC LIMIT 1`,
    ),
    revokePage: statement(
      `UPDATE ${table.name} SET ${revoke} WHERE ${ofPage} AND ${live} ` +
        `AND ${column('lastUsedAt')} < :lastUsedAt AND ${column('createdAt')} < :createdAt`,
    ),
    stampPage: statement(`UPDATE ${table.name} SET ${stamp} WHERE ${ofPage} AND ${where('revokedAt')}`),
    floorsOfPage: statement(`SELECT ${floor} FROM ${table.name} WHERE ${ofPage} AND ${where('revokedAt')}`),
    stamp: statement(`UPDATE ${table.name} SET ${stamp} WHERE ${where('id')} AND ${raised}`),
    stampAllOfUser: certain(`UPDATE ${table.name} SET ${stamp} WHERE ${ofUser} AND ${raised}`),
    floorsOfUser: certain(`SELECT ${floor} FROM ${table.name} WHERE ${ofUser} AND ${raisedSince}`),
    raisedSeconds: certain(
      `SELECT ${second} AS ${quoted('second')}, COUNT(*) AS ${quoted('count')}, ` +
        `${total(column('floorRaisedAt'))} AS ${quoted('times')}, ${total(column('accessFloor'))} AS ${quoted('floors')} ` +
        `FROM ${table.name} WHERE ${column('floorRaisedAt')} >= :from GROUP BY ${second}`,
    ),
    raisedBetween: certain(
      `SELECT ${floor}, ${column('floorRaisedAt')} AS ${quoted('raisedAt')} FROM ${table.name} ` +
        `WHERE ${column('floorRaisedAt')} >= :from AND ${column('floorRaisedAt')} < :to ` +
        // PostgreSQL starts at the row after the last one by this. MySQL needs the first condition for that.
        `AND (${column('floorRaisedAt')}, ${column('id')}) > (:from, :after) ` +
        `ORDER BY ${column('floorRaisedAt')}, ${column('id')} LIMIT :size`,
    ),
    findOfUser: certain(`${select} WHERE ${ofUser} AND ${live}`),
    findSomeOfUser: certain(`${select} WHERE ${ofUser} AND ${live} LIMIT :size`),
    liveOfSample: statement(
      `SELECT COUNT(*) AS ${quoted('rows')}, SUM(live) AS ${quoted('live')}, ` +
        `MAX(${digits(1, 8)}) AS ${quoted('head')}, MAX(${digits(25, 8)}) AS ${quoted('tail')} FROM (` +
        `SELECT ${column('id')} AS id, CASE WHEN ${live} AND ${column('expiresAt')} > :expiresAt ` +
        `AND ${column('lastUsedAt')} > :lastUsedAt THEN 1 ELSE 0 END AS live ` +
        `FROM ${table.name} ORDER BY ${column('id')} LIMIT ${ROWS_OF_SAMPLE}) sample`,
      LONGEST_COUNT,
    ),
  };
}
