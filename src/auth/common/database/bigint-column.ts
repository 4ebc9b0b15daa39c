import type { ValueTransformer } from 'typeorm';

/** PostgreSQL returns `bigint` as a string. Our values all stay below 2^53. */
export const asNumber: ValueTransformer = {
  to: (value: unknown) => value,
  from: (value: unknown) => (value === null ? null : Number(value)),
};
