import type { DataSource, ObjectLiteral } from 'typeorm';
import type { EntityClass } from './entity-class.js';

/** The names of an entity's table and columns in SQL, as the host's data source names them. */
export class EntityTable<Entity extends ObjectLiteral> {
  /** Escaped, with schema and prefix. */
  readonly name: string;
  readonly columns: readonly (keyof Entity & string)[];
  private readonly metadata;

  constructor(
    private readonly dataSource: DataSource,
    entity: EntityClass<Entity>,
  ) {
    this.metadata = dataSource.getMetadata(entity);
    this.name = this.metadata.tablePath
      .split('.')
      .map((part) => this.escape(part))
      .join('.');
    this.columns = this.metadata.columns.map(({ propertyName }) => propertyName as keyof Entity & string);
  }

  escape(name: string): string {
    return this.dataSource.driver.escape(name);
  }

  column = (property: keyof Entity & string): string =>
    this.escape(this.metadata.findColumnWithPropertyName(property)!.databaseName);

  /** Each as `column = :property`. */
  assignments(...properties: (keyof Entity & string)[]): string[] {
    return properties.map((property) => `${this.column(property)} = :${property}`);
  }
}
