import type { ConceptProviders } from '../common/concept-providers.js';
import { AuthModuleRegistry } from './auth-module-registry.js';

export const moduleProviders: ConceptProviders = {
  exported: [],
  internal: [AuthModuleRegistry],
};
