import { maxHeaderSize } from 'node:http';
import { Logger } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { wrongClaims } from './checked-claims.js';
import type { AuthUser } from './user-provider.js';

/** As long as the column of the session. */
const LONGEST_ID = 255;
/** Access tokens come in a header as base64url. Node.js refuses longer headers, before any guard sees them. */
const MOST_BYTES_OF_RIGHTS = Math.floor((maxHeaderSize * 3) / 4);

const LIST = "must be an array of strings, for example ['admin']";
const ID = `must be a string of 1 to ${LONGEST_ID} characters, without control characters. Convert a number: String(user.id)`;

const logger = new Logger('UserProvider');
const reported = new WeakSet<object>();

/**
 * Checks a user before anything is signed for it. TypeScript cannot check what a query returns.
 *
 * @param source the class and method that the user comes from, for the log
 * @param asked the id that the host was asked for
 * @throws AuthError `server_error` for a wrong field; the log names the source, the field and its type, never a value
 */
export function checkedUser(source: string, given: unknown, asked?: string): AuthUser {
  const id = checkedId(source, given);
  if (asked !== undefined && id !== asked) {
    throw wrongUser(source, 'the field id of the user is not the id that was asked for. An id must never change.');
  }
  const roles = field(source, given, 'roles', isTextList, LIST);
  const permissions = field(source, given, 'permissions', optional(isTextList), `${LIST}, or be left out`);
  field(source, given, 'credentialsVersion', isVersion, 'must be a string, a number or null, or be left out');
  const claims = fieldOf(source, given, 'claims');
  const wrong = wrongClaims(claims);
  if (wrong !== undefined) throw wrongUser(source, `the field claims of the user ${wrong}.`);
  if (Buffer.byteLength(JSON.stringify([roles, permissions, claims])) > MOST_BYTES_OF_RIGHTS) {
    const most = `${MOST_BYTES_OF_RIGHTS} bytes`;
    const fields = 'roles, permissions and claims';
    throw wrongUser(source, `the fields ${fields} of the user are over ${most} together. No header can carry them.`);
  }
  return given as AuthUser;
}

/** The id of a user; the other fields are not read. */
export function checkedId(source: string, given: unknown): string {
  return field(source, given, 'id', isId, ID) as string;
}

/** The same check. `null`, `undefined` and `false` say that there is no such user. */
export function checkedUserOrNull(source: string, given: unknown, asked?: string): AuthUser | null {
  return given === null || given === undefined || given === false ? null : checkedUser(source, given, asked);
}

/** Logs a fault of the host's code, and returns the error for the client. */
export function wrongUser(source: string, fault: string): AuthError {
  const cause = new TypeError(`${source}: ${fault}`);
  logger.error(cause.message);
  const error = new AuthError('server_error', undefined, { cause });
  reported.add(error);
  return error;
}

/** Whether the log has this error already. */
export function isReported(error: AuthError): boolean {
  return reported.has(error);
}

/** Names a value by its type alone. */
export function typeOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value instanceof Promise) return 'a promise that is not awaited';
  if (typeof value !== 'object') return `of the type ${typeof value}`;
  if (Array.isArray(value)) return `an array${isTextList(value) ? '' : ', not only of strings'}`;
  const { name } = ((Object.getPrototypeOf(value) as object | null)?.constructor ?? {}) as { name?: unknown };
  return `of the type ${typeof name === 'string' && /^\w{1,64}$/.test(name) ? name : 'object'}`;
}

function field(
  source: string,
  given: unknown,
  name: keyof AuthUser,
  isRight: (value: unknown) => boolean,
  rule: string,
): unknown {
  const value = fieldOf(source, given, name);
  if (!isRight(value)) throw wrongUser(source, `the field ${name} of the user is ${typeOf(value)}. It ${rule}.`);
  return value;
}

function fieldOf(source: string, given: unknown, name: keyof AuthUser): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Promise) {
    throw wrongUser(source, `the user is ${typeOf(given)}. It must be an object with id and roles.`);
  }
  try {
    return (given as AuthUser)[name];
  } catch {
    throw wrongUser(source, `the field ${name} of the user cannot be read: its getter throws.`);
  }
}

function optional(isRight: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || isRight(value);
}

function isVersion(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'string' || Number.isFinite(value);
}

function isId(id: unknown): boolean {
  if (typeof id !== 'string' || id.trim() === '' || id.length > 2 * LONGEST_ID) return false;
  // A half of a surrogate pair is stored as U+FFFD, so different ids would become one.
  return [...id].length <= LONGEST_ID && !/[\p{Cc}\p{Cs}]/u.test(id);
}

/** A loop, because `every` skips the holes of a sparse array. */
function isTextList(list: unknown): boolean {
  if (!Array.isArray(list)) return false;
  for (let index = 0; index < list.length; index++) {
    if (typeof list[index] !== 'string') return false;
  }
  return true;
}
