import type { ObjectLiteral, QueryRunner } from 'typeorm';
import type { EntityClass } from '../common/database/entity-class.js';

/** How the host's data source names an entity's table and columns: schema, prefix, naming strategy. */
export function namesOf<Entity extends ObjectLiteral>({ connection }: QueryRunner, entity: EntityClass<Entity>) {
  const metadata = connection.getMetadata(entity);
  const tableName = connection.driver.buildTableName(metadata.tableName, metadata.schema, metadata.database);
  return {
    tableName,
    escapedTable: tableName
      .split('.')
      .map((part) => connection.driver.escape(part))
      .join('.'),
    /** Of the index by one column, as the entity names it. */
    indexName: (property: keyof Entity & string) =>
      metadata.indices.find(({ columns }) => columns[0].propertyName === property)!.name,
    columnName: (property: keyof Entity & string) => metadata.findColumnWithPropertyName(property)!.databaseName,
  };
}
