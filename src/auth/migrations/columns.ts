import type { TableColumnOptions } from 'typeorm';

/** Column definitions that mean the same on every database. */
export function columnsNamed<Property extends string>(columnName: (property: Property) => string) {
  return {
    text: (property: Property, length: number, isNullable = false): TableColumnOptions => ({
      name: columnName(property),
      type: 'varchar',
      length: String(length),
      isNullable,
    }),
    number: (property: Property, isNullable = false): TableColumnOptions => ({
      name: columnName(property),
      type: 'bigint',
      isNullable,
    }),
  };
}
