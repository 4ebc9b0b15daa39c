import type { ValueTransformer } from 'typeorm';

/** `bigint` comes as a string from PostgreSQL; ours all stay below 2^53. */
export const asNumber: ValueTransformer = {
  to: (value: unknown) => value,
  from: (value: unknown) => (value === null ? null : Number(value)),
};
