import { types } from 'node:util';

const BYTEA = 17;

/** Converts a parameter of a query as `pg` does: to the text form of PostgreSQL, except for a Buffer. */
export function toParameter(value: unknown): string | Buffer | null {
  if (value === null || value === undefined) return null;
  if (ArrayBuffer.isView(value)) return bufferOf(value);
  if (types.isDate(value)) return localTime(value);
  if (Array.isArray(value)) return arrayLiteral(value);
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

/**
 * Serializes a parameter when its type is known. Only bytea keeps the bytes. For other types PGlite takes the text of
 * the bytes, as the server does with bytes from `pg`.
 */
export const SERIALIZERS: Record<number, (parameter: string | Buffer) => string> = {
  [BYTEA]: (parameter) => (typeof parameter === 'string' ? parameter : hexadecimal(parameter)),
};

function bufferOf(view: ArrayBufferView): Buffer {
  return Buffer.isBuffer(view) ? view : Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

function hexadecimal(bytes: Buffer): string {
  return `\\x${bytes.toString('hex')}`;
}

function arrayLiteral(values: readonly unknown[]): string {
  return `{${values.map(arrayElement).join(',')}}`;
}

function arrayElement(value: unknown): string {
  if (Array.isArray(value)) return arrayLiteral(value);
  const parameter = toParameter(value);
  if (parameter === null) return 'NULL';
  const text = typeof parameter === 'string' ? parameter : hexadecimal(parameter);
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/**
 * Local time with its offset. A `timestamptz` column reads the offset. `timestamp` and `date` ignore it and store the
 * local time, which is also how `pg` reads them back.
 */
function localTime(date: Date): string {
  const minutesEast = -date.getTimezoneOffset();
  const year = date.getFullYear();
  const [sign, offset] = [minutesEast < 0 ? '-' : '+', Math.abs(minutesEast)];
  // The year before 1 is 0 in JavaScript, and 1 BC in PostgreSQL.
  return (
    `${digits(year < 1 ? 1 - year : year, 4)}-${digits(date.getMonth() + 1)}-${digits(date.getDate())}` +
    `T${digits(date.getHours())}:${digits(date.getMinutes())}:${digits(date.getSeconds())}` +
    `.${digits(date.getMilliseconds(), 3)}` +
    `${sign}${digits(Math.floor(offset / 60))}:${digits(offset % 60)}${year < 1 ? ' BC' : ''}`
  );
}

function digits(value: number, count = 2): string {
  return String(value).padStart(count, '0');
}
