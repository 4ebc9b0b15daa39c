import type { QueryResult } from 'typeorm';

/**
 * The driver has answered something that this module cannot read, for example because of a type parser of the host. It
 * says nothing about the database, so nothing is concluded from it.
 */
export class UnreadableAnswer extends Error {
  constructor(problem: string) {
    super(`The answer of the database cannot be read: ${problem}. Look for type parsers and options of the driver.`);
    this.name = 'UnreadableAnswer';
  }
}

/** The result of a statement. */
export interface StatementResult {
  readonly records: Record<string, unknown>[];
  /** The number of rows that an INSERT, UPDATE or DELETE changed. */
  readonly affected: number;
}

/** What the answer to a statement must have. */
export type Expected = 'rows' | 'affected' | undefined;

export function expectedOf(sql: string): Expected {
  if (/^SELECT\b/i.test(sql)) return 'rows';
  return /^(INSERT|UPDATE|DELETE)\b/i.test(sql) && !/\bRETURNING\b/i.test(sql) ? 'affected' : undefined;
}

/** @throws UnreadableAnswer if the list of rows, or the number of changed rows, is expected and missing */
export function answerOf({ raw, records, affected }: QueryResult<unknown>, expected: Expected): StatementResult {
  // TypeORM makes an empty list of rows that it does not find.
  if (expected === 'rows' && !Array.isArray(raw)) throw new UnreadableAnswer('it has no list of rows');
  if (expected === 'affected') number(affected, 'the number of changed rows');
  return { records: records as StatementResult['records'], affected: affected ?? 0 };
}

/** Reads a whole number: drivers give it as a number, as text, as a `bigint` or as an object. */
export function number(value: unknown, name: string): number {
  const read = typeof value === 'number' ? value : DIGITS.test(String(value)) ? Number(value) : NaN;
  if (!Number.isSafeInteger(read)) throw unreadable(value, name, 'a whole number');
  return read;
}

/** Reads a truth value: databases without the type store 0 and 1. */
export function boolean(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value;
  const read = number(value, name);
  if (read !== 0 && read !== 1) throw unreadable(value, name, 'a truth value');
  return read === 1;
}

/** Reads text. */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw unreadable(value, name, 'text');
  return value;
}

/** Reads a UUID in the form in which this module writes it. Ids are compared as text. */
export function uuid(value: unknown, name: string): string {
  if (typeof value !== 'string' || !UUID.test(value))
    throw unreadable(value, name, 'a UUID in lower case with hyphens');
  return value;
}

const DIGITS = /^-?\d{1,16}$/;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Names the value by its kind alone, because it may be a secret. */
function unreadable(value: unknown, name: string, expected: string): UnreadableAnswer {
  return new UnreadableAnswer(`"${name}" is ${kindOf(value)} and not ${expected}`);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `text of ${value.length} characters`;
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'without a class'})`;
  return `a ${typeof value}`;
}
