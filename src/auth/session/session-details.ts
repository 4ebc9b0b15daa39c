import { AuthError } from '../common/errors/auth-error.js';

/** What your code says about a session at its sign-in. Its user can read and change both. The module judges nobody by them. */
export interface SessionLabels {
  /** At most 16 texts of 1 to 64 characters, each once. No control characters. */
  tags?: readonly string[];
  /** Texts by name: at most 2048 characters as JSON. A name has 1 to 64 characters. No control characters. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * What `RefreshTokenService.update` changes of a session. What you leave out stays; `null` removes it.
 *
 * @example
 * const details: SessionDetails = { deviceName: 'Kitchen tablet', tags: ['home'], metadata: null };
 */
export interface SessionDetails {
  /** At most 255 characters, without control characters. */
  deviceName?: string | null;
  /** The new tags, in place of the old ones; see {@link SessionLabels}. */
  tags?: SessionLabels['tags'] | null;
  /** The new metadata, in place of the old; see {@link SessionLabels}. */
  metadata?: SessionLabels['metadata'] | null;
}

/** The columns that a user may change. */
export interface DetailColumns {
  readonly deviceName: string | null;
  readonly tags: string | null;
  readonly metadata: string | null;
}

/** Each of these, by the name of its field in the body of `PATCH /auth/sessions/:id`. */
export const DETAIL_FIELDS = {
  deviceName: 'device_name',
  tags: 'tags',
  metadata: 'metadata',
} as const satisfies Record<keyof SessionDetails, string>;

const MOST_TAGS = 16;
/** Characters of a column. Text within the bounds above always fits. */
export const LONGEST_TAGS = 2112;
export const LONGEST_METADATA = 2048;

const NAME = /^\P{Cc}{0,255}$/u;
const LABEL = /^\P{Cc}{1,64}$/u;
const TEXT = /^\P{Cc}*$/u;
/** Would set the prototype of the object where it is parsed carelessly. */
const UNSAFE = '__proto__';

const CHECKS = {
  deviceName: [nameColumn, 'At most 255 characters, without control characters.'],
  tags: [tagsColumn, `At most ${MOST_TAGS} texts of 1 to 64 characters, without control characters.`],
  metadata: [
    metadataColumn,
    `Texts by names of 1 to 64 characters, at most ${LONGEST_METADATA} as JSON, without control characters.`,
  ],
} as const;

/**
 * The columns of what is given; no column of what is left out.
 *
 * @throws AuthError `invalid_request`; it names the field, and never what was given
 */
export function detailColumns(details: SessionDetails): Partial<DetailColumns> {
  const columns = (Object.keys(CHECKS) as (keyof typeof CHECKS)[]).flatMap((property) => {
    const [columnOf, rule] = CHECKS[property];
    const given: unknown = details[property];
    if (given === undefined) return [];
    const column = given === null ? null : columnOf(given);
    if (column === undefined) throw new AuthError('invalid_request', `Not valid: ${DETAIL_FIELDS[property]}. ${rule}`);
    return [[property, column]];
  });
  return Object.fromEntries(columns) as Partial<DetailColumns>;
}

/** What the columns say. Text that somebody else wrote there counts as nothing. */
export function labelsOf({ tags, metadata }: Pick<DetailColumns, 'tags' | 'metadata'>) {
  const [ownTags, ownMetadata] = [parsed(tags), parsed(metadata)];
  return {
    tags: tagsColumn(ownTags) === undefined ? [] : (ownTags as string[]),
    metadata: metadataColumn(ownMetadata) === undefined ? {} : (ownMetadata as Record<string, string>),
  };
}

/** Each function returns the column; `undefined` if the value is not valid. */
function nameColumn(given: unknown): string | null | undefined {
  if (!isText(given, NAME)) return undefined;
  return given === '' ? null : given;
}

function tagsColumn(given: unknown): string | null | undefined {
  if (!Array.isArray(given)) return undefined;
  const tags = [...new Set(given as unknown[])];
  if (tags.length > MOST_TAGS || !tags.every((tag) => isText(tag, LABEL))) return undefined;
  return tags.length === 0 ? null : JSON.stringify(tags);
}

function metadataColumn(given: unknown): string | null | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const entries = Object.entries(given);
  const areTexts = entries.every(([name, text]) => name !== UNSAFE && isText(name, LABEL) && isText(text, TEXT));
  if (!areTexts) return undefined;
  const column = JSON.stringify(Object.fromEntries(entries));
  if (column.length > LONGEST_METADATA) return undefined;
  return entries.length === 0 ? null : column;
}

/** A half of a surrogate pair would be stored as another character. */
function isText(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value) && !/\p{Cs}/u.test(value);
}

function parsed(column: string | null): unknown {
  try {
    return column === null ? undefined : JSON.parse(column);
  } catch {
    return undefined;
  }
}
