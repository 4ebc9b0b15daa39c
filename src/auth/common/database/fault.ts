import { QueryFailedError, QueryRunnerAlreadyReleasedError } from 'typeorm';
import { UnfitConnectionError } from './unfit-connection.js';

/**
 * What an error of a statement says.
 *
 * - `conflict`: the database rolled the statement back because of another one
 * - `refused`: the connection is bad, and the statement was not executed
 * - `lost`: the connection ended, and the statement may have been executed
 * - `unanswered`: the driver gave up, and the statement may still be running
 * - `failed`: the statement failed, and the connection is good
 */
export type Fault = 'conflict' | 'refused' | 'lost' | 'unanswered' | 'failed';

/** SQLSTATE of PostgreSQL, or the error number of MySQL and MariaDB. */
const CONFLICTS = new Set<unknown>([
  '40001', // serialization_failure, also a conflict with recovery on a standby
  '40P01', // deadlock_detected
  1020, // record has changed since last read
  1213, // deadlock, also a certification failure in Galera
  3101, // rolled back by group replication
]);

const REFUSALS = new Set<unknown>([
  // The session forgot the prepared statement, has it from another client, or has planned it for an older table.
  '26000',
  '42P05',
  '0A000',
  // The server became read-only.
  '25006',
  1290,
  1792,
  1836,
  // The connection was left in a transaction that failed or timed out.
  '25P02',
  '25P03',
  '25P04',
  // The connection has another role, schema or database.
  '42501',
  '42P01',
  '3F000',
  1044,
  1046,
  1142,
  1146,
  // It has another encoding, or somebody left tables locked or a distributed transaction open.
  '22021',
  '22P05',
  1099,
  1100,
  1399,
  // The server, its administrator or a limit for idle connections ended the connection. The statement is rolled back.
  '57P03',
  '57P05',
  1053,
  1317,
  4031,
  // The Galera node has left the cluster.
  1047,
]);

const LOSSES = new Set<unknown>([
  '57P01',
  '57P02',
  1152,
  1158,
  1159,
  1160,
  1161,
  1927, // MariaDB says it for KILL, MaxScale for the loss of a server
  2006,
  2013,
  'ECONNABORTED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
]);

/** Errors without a code. */
const NOT_SENT = /is not queryable|in closed state/;
const LOST = /^Connection terminated|write after end/;

export function faultOf(error: unknown): Fault {
  if (error instanceof UnfitConnectionError || error instanceof QueryRunnerAlreadyReleasedError) return 'refused';
  if (!(error instanceof QueryFailedError)) return 'failed';
  const { code, errno, severity, routine, message = '' } = error.driverError as Partial<DriverError>;
  // Errors of sockets have a negative number.
  const reason = errno !== undefined && errno > 0 ? errno : code;
  if (CONFLICTS.has(reason)) return 'conflict';
  if (REFUSALS.has(reason) || NOT_SENT.test(message)) return 'refused';
  // PostgreSQL names its routine. A pooler that ends a connection does not know what the server did.
  if (reason === '57P01' && routine !== undefined) return 'refused';
  if (LOSSES.has(reason) || code?.startsWith('08') || LOST.test(message)) return 'lost';
  return severity === undefined && reason === code ? 'unanswered' : 'failed';
}

/** Of `pg` and `mysql2`. */
interface DriverError {
  code: string;
  errno: number;
  message: string;
  /** Of errors that PostgreSQL or a pooler reports. */
  severity: string;
  /** Of errors that PostgreSQL reports. */
  routine: string;
}
