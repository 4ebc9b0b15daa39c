import type { types } from '@electric-sql/pglite';

type Parser = (text: string) => unknown;

const asIs: Parser = (text) => text;
const integer: Parser = (text) => Number.parseInt(text, 10);
const float: Parser = (text) => Number.parseFloat(text);
const boolean: Parser = (text) => text === 't';
const json: Parser = (text) => JSON.parse(text) as unknown;
const bytes: Parser = (text) => Buffer.from(text.slice('\\x'.length), 'hex');

const POINT_IN_TIME = /^(\d{4,})(-\d\d-\d\d)(?: ([\d:.]+))?(?:([+-]\d\d)(:\d\d)?(?::\d\d)?)?( BC)?$/;

/** Parses a time as `pg` does: without an offset it is local time, and infinity is a number. */
function pointInTime(text: string): Date | number | null {
  if (text === 'infinity') return Infinity;
  if (text === '-infinity') return -Infinity;
  const parts = POINT_IN_TIME.exec(text);
  if (!parts) return null;
  const [, digits, monthAndDay, time = '00:00:00', hours = '', minutes = ':00', beforeChrist] = parts;
  // The year before 1 is 1 BC in PostgreSQL, and 0 in JavaScript.
  const year = beforeChrist ? 1 - Number(digits) : Number(digits);
  const isoYear = (year < 0 ? '-' : '+') + String(Math.abs(year)).padStart(6, '0');
  return new Date(`${isoYear}${monthAndDay}T${time}${hours && hours + minutes}`);
}

/** Parsers by the oid of the type. The oids of system types never change. */
const SCALARS: Readonly<Record<number, Parser>> = {
  16: boolean,
  17: bytes,
  20: asIs, // int8, which a number cannot hold
  21: integer, // int2
  23: integer, // int4
  26: integer, // oid
  114: json,
  700: float, // float4
  701: float, // float8
  1082: pointInTime, // date
  1114: pointInTime, // timestamp
  1184: pointInTime, // timestamptz
  3802: json, // jsonb
};

/** The parser for each element, by the oid of the array type. */
const ARRAYS: Readonly<Record<number, Parser>> = {
  199: json,
  651: asIs, // cidr
  791: asIs, // money
  1000: boolean,
  1001: bytes,
  1005: integer, // int2
  1007: integer, // int4
  1008: asIs, // regproc
  1009: asIs, // text
  1014: asIs, // char(n)
  1015: asIs, // varchar
  1016: asIs, // int8

  1021: float, // float4
  1022: float, // float8
  1028: integer, // oid
  1040: asIs, // macaddr
  1041: asIs, // inet
  1115: pointInTime, // timestamp
  1182: pointInTime, // date
  1183: asIs, // time
  1185: pointInTime, // timestamptz
  1231: float, // numeric, although a single numeric stays a text
  1270: asIs, // timetz
  2951: asIs, // uuid
  3807: json, // jsonb
  3907: asIs, // numrange
};

/**
 * Parsers for the types that `pg` parses. All other types stay text, as in `pg`. This matters for arrays of enums:
 * PGlite would parse them, but TypeORM expects text. Unlike in `pg`, interval, point and circle also stay text.
 */
export function parsersLikePg(arrayParser: (typeof types)['arrayParser']): Record<number, Parser> {
  const arrays = Object.entries(ARRAYS).map(([oid, element]): [string, Parser] => [
    oid,
    (text) => arrayParser(text, element, Number(oid)) as unknown,
  ]);
  return { ...SCALARS, ...Object.fromEntries(arrays) };
}
