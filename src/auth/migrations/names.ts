import type { ObjectLiteral, QueryRunner } from 'typeorm';
import type { EntityClass } from '../common/database/entity-class.js';

/**
 * The names of an entity's table, columns and indexes in the data source, with its schema, prefix and naming strategy.
 */
export function namesOf<Entity extends ObjectLiteral>({ connection }: QueryRunner, entity: EntityClass<Entity>) {
  const metadata = connection.getMetadata(entity);
  const tableName = connection.driver.buildTableName(metadata.tableName, metadata.schema, metadata.database);
  return {
    tableName,
    escapedTable: tableName
      .split('.')
      .map((part) => connection.driver.escape(part))
      .join('.'),
    /** The name of the index that begins with this column. */
    indexName: (property: keyof Entity & string) =>
      metadata.indices.find(({ columns }) => columns[0].propertyName === property)!.name,
    columnName: (property: keyof Entity & string) => metadata.findColumnWithPropertyName(property)!.databaseName,
  };
}
