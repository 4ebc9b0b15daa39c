import {
  type DataSource,
  type ObjectLiteral,
  type QueryRunner,
  Table,
  type TableColumn,
  TableForeignKey,
} from 'typeorm';
import { isMySql } from '../common/database/dialect.js';
import { type EntityClass, moduleClassOf } from '../common/database/entity-class.js';
import { AuthConfigurationError } from '../common/errors/auth-error.js';

/** On MySQL and MariaDB. */
const CHARSET = 'utf8mb4';

/**
 * Creates the table of an entity, exactly as `synchronize` of TypeORM would: with the columns, indexes and foreign keys
 * that the host added. If the table exists, it only gets what it lacks. Nothing is dropped or changed.
 *
 * @throws AuthConfigurationError if another table has that name
 */
export async function createTable<Entity extends ObjectLiteral>(
  queryRunner: QueryRunner,
  entity: EntityClass<Entity>,
): Promise<void> {
  const { described, existing } = await look(queryRunner, entity);
  if (!existing) return queryRunner.createTable(described);
  await queryRunner.addColumns(existing, lacking(described, existing));
  await changeCharset(queryRunner, described);
  const indices = described.indices.filter(({ name }) => !existing.indices.some((index) => index.name === name));
  if (indices.length > 0) await queryRunner.createIndices(described.name, indices);
  const keys = described.foreignKeys.filter(({ name }) => !existing.foreignKeys.some((key) => key.name === name));
  if (keys.length > 0) await queryRunner.createForeignKeys(described.name, keys);
}

/**
 * Adds these columns of the entity where its table lacks them. For migrations that come after the one that creates the
 * table: a table that was created later has them already.
 */
export async function addMissingColumns<Entity extends ObjectLiteral>(
  queryRunner: QueryRunner,
  entity: EntityClass<Entity>,
  properties: (keyof Entity & string)[],
): Promise<void> {
  const { described, existing, names } = await look(queryRunner, entity, properties);
  if (!existing) throw new AuthConfigurationError(`The table ${described.name} does not exist`);
  const columns = described.columns.filter(({ name }) => names.includes(name) && !existing.findColumnByName(name));
  await queryRunner.addColumns(existing, columns);
}

/** Gives a column on MySQL the type of the entity, and keeps its values. `synchronize` would create the column anew. */
export async function changeType<Entity extends ObjectLiteral>(
  queryRunner: QueryRunner,
  entity: EntityClass<Entity>,
  property: keyof Entity & string,
): Promise<void> {
  const { driver } = queryRunner.connection;
  if (!isMySql(queryRunner.connection)) return;
  const { described, existing, names } = await look(queryRunner, entity, [property]);
  const [name] = names;
  const column = described.findColumnByName(name)!;
  const [is, wanted] = [existing?.findColumnByName(name) ?? column, column].map((each) => driver.createFullType(each));
  if (is === wanted) return;
  const definition = `${driver.escape(name)} ${wanted} ${column.isNullable ? 'NULL' : 'NOT NULL'}`;
  await queryRunner.query(`ALTER TABLE ${escapedTable(queryRunner, entity)} MODIFY ${definition}`);
}

/** Drops these columns where they exist. */
export async function dropColumns<Entity extends ObjectLiteral>(
  queryRunner: QueryRunner,
  entity: EntityClass<Entity>,
  properties: (keyof Entity & string)[],
): Promise<void> {
  const { existing, names } = await look(queryRunner, entity, properties);
  const columns = existing?.columns.filter(({ name }) => names.includes(name)) ?? [];
  if (existing && columns.length > 0) await queryRunner.dropColumns(existing, columns);
}

/** Drops the indexes that begin with these columns where they exist. */
export async function dropIndices<Entity extends ObjectLiteral>(
  queryRunner: QueryRunner,
  entity: EntityClass<Entity>,
  properties: (keyof Entity & string)[],
): Promise<void> {
  const { existing, names } = await look(queryRunner, entity, properties);
  const indices = existing?.indices.filter(({ columnNames: [first] }) => names.includes(first)) ?? [];
  if (existing && indices.length > 0) await queryRunner.dropIndices(existing, indices);
}

export async function dropTable<Entity extends ObjectLiteral>(
  queryRunner: QueryRunner,
  entity: EntityClass<Entity>,
): Promise<void> {
  await queryRunner.dropTable(queryRunner.connection.getMetadata(entity).tablePath, true);
}

/** The name of the entity's table in SQL. */
export function escapedTable<Entity extends ObjectLiteral>(
  { connection }: QueryRunner,
  entity: EntityClass<Entity>,
): string {
  return escapedPath(connection, connection.getMetadata(entity).tablePath);
}

function escapedPath({ driver }: DataSource, path: string): string {
  return path
    .split('.')
    .map((part) => driver.escape(part))
    .join('.');
}

/** The table as the entity describes it, the table that exists, and the names of these columns. */
async function look(queryRunner: QueryRunner, entity: EntityClass<ObjectLiteral>, properties: string[] = []) {
  const { connection } = queryRunner;
  const metadata = connection.getMetadata(entity);
  const described = Table.create(metadata, connection.driver);
  described.name = metadata.tablePath;
  described.foreignKeys = metadata.foreignKeys.map((key) => TableForeignKey.create(key, connection.driver));
  if (isMySql(connection)) {
    // A device may have any name, whatever the database's default character set. The host decides for its own columns.
    const moduleClass = moduleClassOf(entity);
    const ours = metadata.columns.filter(({ target, type }) => target === moduleClass && type === 'varchar');
    for (const { databaseName } of ours) described.findColumnByName(databaseName)!.charset = CHARSET;
  }
  const names = properties.map((property) => metadata.findColumnWithPropertyName(property)!.databaseName);
  return { described, existing: await queryRunner.getTable(described.name), names };
}

/**
 * The columns that the existing table lacks.
 *
 * @throws AuthConfigurationError if it is another table
 */
function lacking(described: Table, existing: Table): TableColumn[] {
  const found = described.columns.map((column) => ({ column, is: existing.findColumnByName(column.name) }));
  const problems = found
    .filter(({ column, is }) => (is ? is.type !== column.type : isRequired(column)))
    .map(({ column: { name }, is }) => (is ? `${name} has the type ${is.type}` : `${name} is missing`));
  if (problems.length > 0) {
    const listed = [...problems.slice(0, 3), ...(problems.length > 3 ? ['…'] : [])].join(', ');
    throw new AuthConfigurationError(
      `The table ${described.name} exists, but it is not the one of the module (its columns: ${listed}). ` +
        'Rename it, or give the tables of the module another prefix or schema (entityPrefix, schema). Nothing was changed.',
    );
  }
  return found.filter(({ is }) => !is).map(({ column }) => column);
}

/** Rows that exist have no value for it. */
function isRequired({ isNullable, isGenerated, default: value }: TableColumn): boolean {
  return !isNullable && !isGenerated && value === undefined;
}

/** `synchronize` gives the columns the default character set of the database. */
async function changeCharset(queryRunner: QueryRunner, { name: path, columns }: Table): Promise<void> {
  const { connection } = queryRunner;
  const ours = new Map(columns.filter(({ charset }) => charset === CHARSET).map((column) => [column.name, column]));
  if (ours.size === 0) return;
  const table = escapedPath(connection, path);
  const shown = (await queryRunner.query(`SHOW FULL COLUMNS FROM ${table}`)) as { Field: string; Collation: string }[];
  const modified = shown.flatMap(({ Field, Collation }) => {
    const column = Collation?.startsWith(`${CHARSET}_`) ? undefined : ours.get(Field);
    if (!column) return [];
    const type = `varchar(${column.length}) CHARACTER SET ${CHARSET}`;
    return `MODIFY ${connection.driver.escape(Field)} ${type} ${column.isNullable ? 'NULL' : 'NOT NULL'}`;
  });
  if (modified.length > 0) await queryRunner.query(`ALTER TABLE ${table} ${modified.join(', ')}`);
}
