import type { DataSource, ObjectLiteral } from 'typeorm';
import type { EntityClass } from './entity-class.js';
import { RowReader } from './row-reader.js';
import type { TableSchemas } from './table-schemas.js';

/** The names of the table and columns of an entity in SQL, as the data source of the host defines them. */
export class EntityTable<Entity extends ObjectLiteral> {
  /** The escaped name of the table, with its schema and prefix. */
  readonly name: string;
  readonly columns: readonly (keyof Entity & string)[];
  readonly rows: RowReader<Entity>;
  private readonly metadata;

  constructor(
    private readonly dataSource: DataSource,
    entity: EntityClass<Entity>,
    schemas: TableSchemas,
  ) {
    this.metadata = dataSource.getMetadata(entity);
    this.name = [schemas.of(this.metadata) ?? [], this.metadata.tablePath.split('.')]
      .flat()
      .map((part) => this.escape(part))
      .join('.');
    this.rows = new RowReader(this.metadata);
    this.columns = this.metadata.columns.map(({ propertyName }) => propertyName as keyof Entity & string);
  }

  /** A SELECT that returns no row, and fails if the table or a column does not exist. */
  get probe(): string {
    return `SELECT ${this.columns.map(this.column).join(', ')} FROM ${this.name} WHERE 1 = 0`;
  }

  escape(name: string): string {
    return this.dataSource.driver.escape(name);
  }

  column = (property: keyof Entity & string): string =>
    this.escape(this.metadata.findColumnWithPropertyName(property)!.databaseName);

  /** Each property as `column = :property`. */
  assignments(...properties: (keyof Entity & string)[]): string[] {
    return properties.map((property) => `${this.column(property)} = :${property}`);
  }
}
