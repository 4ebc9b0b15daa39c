import type { AuthDatabase } from '../common/database/auth-database.js';
import { asText, databaseTime, greatest, hasRowLocks, inSeconds, joined } from '../common/database/dialect.js';
import type { EntityTable } from '../common/database/entity-table.js';
import { FROM_CHARACTER } from './changed-credentials.js';
import { ROWS_OF_SAMPLE } from './live-sessions.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';

/** The columns that say when, from where, with which client and by whom a session was last used. */
const SEEN = [
  'authTime',
  'amr',
  'acr',
  'credentialsHash',
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
export const REPEATED = [
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
export const ROTATED = [
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

export function prepareStatements(database: AuthDatabase, table: EntityTable<RefreshTokenColumns>) {
  const { column, columns, update } = table;
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
  const live = `${column('revokedAt')} IS NULL${table.andPresent}`;
  const ofPage = `${column('id')} > :after AND ${column('id')} <= :last`;
  const ofUser = table.equalText('userId');

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
  const endOfHash = `COALESCE(SUBSTR(${column('credentialsHash')}, ${FROM_CHARACTER}), '')`;
  const findAll = `${select} WHERE ${column('id')} IN (:...ids)${table.andPresent}`;
  const floor = `${column('id')} AS ${quoted('id')}, ${column('accessFloor')} AS ${quoted('floor')}`;

  const digits = (from: number, length: number) => `SUBSTR(CAST(id AS CHAR(36)), ${from}, ${length})`;

  return {
    insert: statement(table.insert),
    read: (record: Record<string, unknown>): RefreshToken => table.rows.read(record),
    findAll: statement(findAll),
    findAllCaughtUp: certain(findAll),
    // A transaction that repeats its reads would not see a session that began since.
    findLocked: certain(
      `${select} WHERE ${where('id')}${table.andPresent}${hasRowLocks(database.dataSource) ? ' FOR UPDATE' : ''}`,
    ),
    rotate: statement(
      `${update}${column('generation')} = :nextGeneration, ${changed}, ${set(...ROTATED)} WHERE ${asRead}`,
    ),
    adopt: statement(
      `${update}${column('generation')} = :nextGeneration, ${column('accessFloor')} = :nextFloor, ` +
        `${stamp}, ${changed}, ${set(...ROTATED)} WHERE ${asRead}`,
    ),
    repeat: statement(`${update}${changed}, ${set(...REPEATED)} WHERE ${asRead}`),
    postponeWindow: statement(
      `${update}${changed}, ${set('windowGeneration', 'windowStartedAt')} ` +
        `WHERE ${where('id', 'generation')} AND ${column('windowStartedAt')} < :windowStartedAt`,
    ),
    revoke: statement(`${update}${revoke} WHERE ${where('id')} AND ${live}`),
    revokeUnchanged: statement(
      `${update}${set('revokedAt', 'revokedReason')}, ${column('accessFloor')} = :nextFloor, ${stamp} ` +
        `WHERE ${asRead}`,
    ),
    forgetCredentials: certain(
      `${update}${column('credentialsHash')} = ${joined(database.dataSource, ':mark', endOfHash)}, ${changed} ` +
        `WHERE ${where('id')} AND ${ofUser} AND ${live}`,
    ),
    revokeAllOfUser: certain(`${update}${revoke} WHERE ${ofUser} AND ${live} AND ${column('id')} <> :exceptId`),
    revokeDeletedOfUser: certain(
      `${update}${revoke} WHERE ${ofUser} AND ${column('revokedAt')} IS NULL AND ${table.isDeleted}`,
    ),
    raiseFloorsOfUser: certain(
      `${update}${column('accessFloor')} = ${nextFloor}, ${stamp} WHERE ${ofUser} AND ${live}`,
    ),
    lastOfPage: certain(
      `SELECT ${quoted('last')} FROM (SELECT ${column('id')} AS ${quoted('last')} FROM ${table.name} ` +
        `WHERE ${column('id')} > :after AND ${column('id')} <= :end ORDER BY ${column('id')} LIMIT :size) part ` +
        `ORDER BY ${quoted('last')} DESC LIMIT 1`,
    ),
    revokePage: statement(
      `${update}${revoke} WHERE ${ofPage} AND ${live} ` +
        `AND ${column('lastUsedAt')} < :lastUsedAt AND ${column('createdAt')} < :createdAt`,
    ),
    stampPage: statement(`${update}${stamp} WHERE ${ofPage} AND ${where('revokedAt')}`),
    floorsOfPage: statement(`SELECT ${floor} FROM ${table.name} WHERE ${ofPage} AND ${where('revokedAt')}`),
    stamp: statement(`${update}${stamp} WHERE ${where('id')} AND ${raised}`),
    stampAllOfUser: certain(`${update}${stamp} WHERE ${ofUser} AND ${raised}`),
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
        `AND ${column('lastUsedAt')} > :lastUsedAt ` +
        `AND (${column('idleTtl')} IS NULL OR ${column('lastUsedAt')} + ${column('idleTtl')} > :expiresAt) THEN 1 ELSE 0 END AS live ` +
        `FROM ${table.name} ORDER BY ${column('id')} LIMIT ${ROWS_OF_SAMPLE}) sample`,
      LONGEST_COUNT,
    ),
  };
}
