import type { Provider, Type } from '@nestjs/common';

/** What a concept brings into the module. */
export interface ConceptProviders {
  /** For the host and its guards. */
  readonly exported: readonly Type[];
  readonly internal: readonly Provider[];
}
