import type { EntityMetadata, ObjectLiteral } from 'typeorm';
import { boolean, number, text, UnreadableAnswer, uuid } from './answer.js';

export type ColumnMetadata = EntityMetadata['columns'][number];

type ReadValue = (value: unknown, name: string) => unknown;

/** How a column of each type is read. */
const READERS: Record<string, ReadValue> = { uuid, bigint: number, varchar: text, boolean };

/** Reads the rows of an entity, whatever form the driver gives their values. */
export class RowReader<Entity extends ObjectLiteral> {
  private readonly columns: { readonly name: string; readonly nullable: boolean; readonly read: ReadValue }[];

  constructor(columns: readonly ColumnMetadata[]) {
    this.columns = columns.map(({ propertyName: name, isNullable: nullable, type }) => ({
      name,
      nullable,
      read: READERS[type as string],
    }));
  }

  /**
   * @param record the row, by the names of the entity's properties
   * @throws UnreadableAnswer if a value is missing, or is not what its column holds
   */
  read(record: Record<string, unknown>): Entity {
    if (typeof record !== 'object' || record === null) throw new UnreadableAnswer('a row is not an object');
    for (const { name, nullable, read } of this.columns) {
      const value = record[name];
      if (value !== null || !nullable) record[name] = read(value, name);
    }
    return record as unknown as Entity;
  }
}
