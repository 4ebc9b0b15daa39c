import { type DataSource, getMetadataArgsStorage, type ObjectLiteral } from 'typeorm';
import { AuthConfigurationError } from '../errors/auth-error.js';
import { equalAsBytes, isMySql } from './dialect.js';
import { type EntityClass, moduleClassOf } from './entity-class.js';
import { type ColumnMetadata, RowReader } from './row-reader.js';
import type { TableSchemas } from './table-schemas.js';

/** The names of the table and columns of an entity in SQL, as the data source of the host defines them. */
export class EntityTable<Entity extends ObjectLiteral> {
  /** The escaped name of the table, with its schema and prefix. */
  readonly name: string;
  /** The columns of the module. The host may have added others. */
  readonly columns: readonly (keyof Entity & string)[];
  readonly rows: RowReader<Entity>;
  private readonly byProperty: Map<string, ColumnMetadata>;
  private readonly ofHost: HostColumns;

  /** @throws AuthConfigurationError if a column of the host needs a value */
  constructor(
    private readonly dataSource: DataSource,
    entity: EntityClass<Entity>,
    schemas: TableSchemas,
  ) {
    const metadata = dataSource.getMetadata(entity);
    this.name = [schemas.of(metadata) ?? [], metadata.tablePath.split('.')]
      .flat()
      .map((part) => this.escape(part))
      .join('.');
    const moduleClass = moduleClassOf(entity);
    const declared = getMetadataArgsStorage().columns.filter(({ target }) => target === moduleClass);
    const names = new Set(declared.map(({ propertyName }) => propertyName));
    const isOurs = ({ propertyName, embeddedMetadata }: ColumnMetadata) => names.has(propertyName) && !embeddedMetadata;
    const ours = metadata.columns.filter(isOurs);
    this.byProperty = new Map(ours.map((column) => [column.propertyName, column]));
    this.columns = [...this.byProperty.keys()];
    this.rows = new RowReader(ours);
    this.ofHost = new HostColumns(
      dataSource,
      entity.name,
      metadata.columns.filter((column) => !isOurs(column)),
    );
  }

  /** A SELECT that returns no row, and fails if the table or a column does not exist. */
  get probe(): string {
    return `SELECT ${this.columns.map(this.column).join(', ')} FROM ${this.name} WHERE 1 = 0`;
  }

  /** An INSERT of a row, with each property as a parameter. */
  get insert(): string {
    const { names, values } = this.ofHost.inserted;
    const columns = [...this.columns.map(this.column), ...names].join(', ');
    return `INSERT INTO ${this.name} (${columns}) VALUES (${[...this.columns.map((name) => `:${name}`), ...values].join(', ')})`;
  }

  /** The beginning of an UPDATE, up to the assignments. */
  get update(): string {
    return `UPDATE ${this.name} SET ${this.ofHost.updated.map((assignment) => `${assignment}, `).join('')}`;
  }

  /** Continues a condition: a row that the host has soft-deleted does not count. */
  get andPresent(): string {
    return this.ofHost.andPresent;
  }

  /** A condition: the host has soft-deleted the row. */
  get isDeleted(): string {
    return this.ofHost.isDeleted;
  }

  escape(name: string): string {
    return this.dataSource.driver.escape(name);
  }

  column = (property: keyof Entity & string): string => this.escape(this.byProperty.get(property)!.databaseName);

  /** Each property as `column = :property`. */
  assignments(...properties: (keyof Entity & string)[]): string[] {
    return properties.map((property) => `${this.column(property)} = :${property}`);
  }

  /** A condition: the text is exactly `:property`. MySQL compares without regard to case and to spaces at the end. */
  equalText(property: keyof Entity & string): string {
    const [equal] = this.assignments(property);
    return isMySql(this.dataSource) ? `${equal} AND ${equalAsBytes(this.column(property), `:${property}`)}` : equal;
  }
}

/**
 * The columns that the host added to an entity of the module. The database fills them. Those that TypeORM maintains,
 * for example `@VersionColumn`, are maintained by the statements of the module too.
 */
class HostColumns {
  constructor(
    private readonly dataSource: DataSource,
    entity: string,
    private readonly columns: readonly ColumnMetadata[],
  ) {
    const needy = columns.find((column) => this.needsValue(column));
    if (!needy) return;
    throw new AuthConfigurationError(
      `The module cannot insert into the table of ${entity}, because its column ${needy.propertyName} needs a value. ` +
        'Give it a default, or make it nullable.',
    );
  }

  get inserted(): { names: string[]; values: string[] } {
    const versions = this.columns.filter(({ isVersion }) => isVersion).map(this.escaped);
    return { names: versions, values: versions.map(() => '1') };
  }

  /** As assignments. */
  get updated(): string[] {
    return this.columns.flatMap((column) => {
      const name = this.escaped(column);
      if (column.isVersion) return `${name} = ${name} + 1`;
      return column.isUpdateDate ? `${name} = ${this.dataSource.driver.normalizeDefault(column)}` : [];
    });
  }

  get andPresent(): string {
    return this.deleteDates.map((column) => ` AND ${column} IS NULL`).join('');
  }

  get isDeleted(): string {
    const conditions = this.deleteDates.map((column) => `${column} IS NOT NULL`);
    return conditions.length > 0 ? `(${conditions.join(' OR ')})` : '1 = 0';
  }

  private get deleteDates(): string[] {
    return this.columns.filter(({ isDeleteDate }) => isDeleteDate).map(this.escaped);
  }

  private readonly escaped = ({ databaseName }: ColumnMetadata) => this.dataSource.driver.escape(databaseName);

  private needsValue(column: ColumnMetadata): boolean {
    if (column.isNullable || column.isVersion || column.isVirtualProperty || column.asExpression) return false;
    // MySQL and SQLite leave it to TypeORM to make a UUID.
    if (column.isGenerated)
      return column.generationStrategy === 'uuid' && !this.dataSource.driver.isUUIDGenerationSupported();
    return column.default === undefined || column.default === null;
  }
}
