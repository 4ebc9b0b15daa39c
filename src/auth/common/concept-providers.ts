import type { Provider, Type } from '@nestjs/common';

/** The providers of a concept. */
export interface ConceptProviders {
  /** Visible to the host and its guards. */
  readonly exported: readonly Type[];
  readonly internal: readonly Provider[];
}
